import { text } from '../../text'
import { Chip, type Tone } from '../../ui'
import type { Attempt, Delivery } from './data'

const tones: Record<string, Tone> = { delivered: 'ok', pending: 'warn', exhausted: 'bad', cancelled: 'idle', held: 'warn' }

/** DeliveryState is what became of a message at an endpoint, in one word. */
export function DeliveryState({ delivery: d }: { delivery: Delivery }) {
  const t = text.states
  const words = d.state === 'pending' ? (d.attempts > 0 ? t.retrying : t.pending)
    : ({ delivered: t.delivered, exhausted: t.failed, cancelled: t.cancelled, held: t.held } as Record<string, string>)[d.state] ?? d.state
  return <Chip tone={tones[d.state] ?? 'idle'} icon={d.state === 'held' ? 'pause' : undefined}>{words}</Chip>
}

/** attemptTone: only an answer that the receiver gave makes a success. */
export const attemptTone = (a: Attempt): Tone => (a.status === 0 ? 'ok' : a.status === 4 ? 'idle' : 'bad')

/** attemptWords say how an attempt ended: its status, or the class of what went wrong. */
export function attemptWords(a: Attempt): string {
  if (a.status === 4) return text.states.cancelled
  const status = a.responseStatusCode ? String(a.responseStatusCode) : text.message.noAnswer
  return a.status === 0 ? `${text.states.delivered}, ${status}` : `${text.states.failed}, ${status}`
}

export function AttemptState({ attempt }: { attempt: Attempt }) {
  return <Chip tone={attemptTone(attempt)}>{attemptWords(attempt)}</Chip>
}
