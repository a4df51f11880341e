// What an attempt's connection was: the protocol, and whose certificate the receiver has shown.
import { text } from '../../text'
import type { Attempt } from './data'

const soonMs = 14 * 86_400_000

/** connectionWords name the protocol with what secures it, "HTTP/2, TLS 1.3"; a dash for what nobody knows. */
export function connectionWords(a: Attempt): string {
  const { protocol, tls } = a.hookloft ?? {}
  const names: Record<string, string> = text.message.protocolNames
  return [protocol && (names[protocol] ?? protocol), tls?.version].filter(Boolean).join(', ') || '–'
}

/** certificateState says how a certificate stood when the attempt was made. */
export function certificateState(notAfter: string, at: string): 'expired' | 'soon' | 'valid' {
  const left = new Date(notAfter).getTime() - new Date(at).getTime()
  return left <= 0 ? 'expired' : left < soonMs ? 'soon' : 'valid'
}

/** certificateRows are what the comparison shows of two attempts, where one of them has seen a certificate. */
export function certificateRows(here: Attempt, there: Attempt): [string, string, string][] {
  const t = text.message
  const [a, b] = [here.hookloft?.tls, there.hookloft?.tls]
  if (!a?.notAfter && !b?.notAfter) return []
  return [
    [t.certificate, a?.subject || '–', b?.subject || '–'],
    [t.issuer, a?.issuer || '–', b?.issuer || '–'],
    [t.validUntil, a?.notAfter ?? '–', b?.notAfter ?? '–'],
  ]
}
