import { text } from '../../../text'
import { Chip, type Tone } from '../../../ui'
import type { LogRow } from './data'

/** outcomeOf is what became of a message at all its endpoints, the gravest first. */
export function outcomeOf(d: LogRow['deliveries']): { tone: Tone; words: string } | undefined {
  const t = text.messages
  if (!d) return undefined
  const all = d.success + d.pending + d.sending + d.fail + d.canceled
  if (all === 0) return { tone: 'idle', words: t.nobody }
  if (d.fail > 0) return { tone: 'bad', words: t.failedOf(d.fail, all) }
  if (d.sending > 0) return { tone: 'warn', words: t.retryingOf(d.sending, all) }
  if (d.pending > 0) return { tone: 'warn', words: t.pendingOf(d.pending, all) }
  if (d.success === 0) return { tone: 'idle', words: text.states.cancelled }
  return { tone: 'ok', words: t.deliveredTo(d.success) }
}

export function Outcome({ row }: { row: LogRow }) {
  const found = outcomeOf(row.deliveries)
  return found ? <Chip tone={found.tone}>{found.words}</Chip> : <>–</>
}
