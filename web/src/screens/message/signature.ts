// Checks a signature of the scheme "Standard Webhooks" (v1: HMAC-SHA256 over id.timestamp.body).

export type Checked = 'fits' | 'wrong' | 'missing' | 'other-scheme' | 'no-crypto'

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))

const field = (headers: Record<string, string>, name: string): string | undefined =>
  Object.entries(headers).find(([n]) => n.toLowerCase() === `webhook-${name}` || n.toLowerCase() === `svix-${name}`)?.[1]

/** checkSignature says whether any of the header's signatures was made over this body with this secret. */
export async function checkSignature(headers: Record<string, string>, body: Uint8Array<ArrayBuffer>, secret: string): Promise<Checked> {
  const [id, timestamp, signatures] = [field(headers, 'id'), field(headers, 'timestamp'), field(headers, 'signature')]
  if (!id || !timestamp || !signatures) return 'missing'
  const list = signatures.split(' ').map((s) => s.split(',')).filter(([version]) => version === 'v1').map(([, value]) => value ?? '')
  if (list.length === 0 || !secret.startsWith('whsec_')) return 'other-scheme'
  if (!globalThis.crypto?.subtle) return 'no-crypto' // a page that is not served over TLS has none
  const key = await crypto.subtle.importKey('raw', bytesOf(secret.slice('whsec_'.length)), { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
  const head = new TextEncoder().encode(`${id}.${timestamp}.`)
  const signed = new Uint8Array(head.length + body.length)
  signed.set(head)
  signed.set(body, head.length)
  for (const value of list) {
    try {
      if (await crypto.subtle.verify('HMAC', key, bytesOf(value), signed)) return 'fits'
    } catch {
      // Not base64: then it does not fit.
    }
  }
  return 'wrong'
}
