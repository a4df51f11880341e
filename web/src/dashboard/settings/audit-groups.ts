// Rows of the audit log that belong together: what one actor disabled within a minute.
import type { OwnShapes } from '../../api/client'

export type Entry = Omit<OwnShapes['AuditOut'], 'before' | 'after'> & {
  /** before and after are the values as JSON text, exact. */
  before: Record<string, string> | null
  after: Record<string, string> | null
}
export type Group = { entries: Entry[]; /** disabled are those of them that the group disabled. */ disabled: Entry[] }

const minute = 60_000

/** disables is what switched off an endpoint that was on; a field that was not set is null. */
export const disables = (e: Entry): boolean => e.noun === 'endpoint' && e.action === 'updated' && e.after?.disabled === 'true' && e.before !== null && e.before.disabled !== 'true'

const who = (e: Entry) => `${e.actor.kind} ${e.actor.id ?? ''} ${e.actor.sessionId ?? ''}`

/** group puts neighbours that disabled endpoints into one, newest first; all others stand alone. A group reaches over a minute. */
export function group(entries: Entry[]): Group[] {
  const out: Group[] = []
  for (const e of entries) {
    const last = out.at(-1)
    const first = last?.entries[0]
    const near = first && Math.abs(new Date(first.at).getTime() - new Date(e.at).getTime()) <= minute
    if (last && first && near && disables(e) && disables(first) && who(e) === who(first)) {
      last.entries.push(e)
      last.disabled.push(e)
    } else out.push({ entries: [e], disabled: disables(e) ? [e] : [] })
  }
  return out
}
