// The expression of the live page: `app:acme type:invoice.* status:failed reason:timeout_headers`.
// What the server can choose it is asked for, so that a busy one sends only what is looked at.
import type { OwnShapes } from '../../api/client'

type Event = OwnShapes['TailEvent']

const statuses: Record<string, string[]> = { success: ['0'], failed: ['2', '3'], retrying: ['3'], exhausted: ['2'], canceled: ['4'] }

/** keys are the words before the colon. */
export const keys = ['app', 'endpoint', 'type', 'status', 'reason', 'kind'] as const
type Key = (typeof keys)[number]

export type Filter = {
  query: Record<string, string | string[]>
  /** wants is what the server cannot choose: an endpoint of an unnamed application, a type with a star. */
  wants: (e: Event) => boolean
  /** wrong is what is not understood: a part of the expression, and why. */
  wrong?: { part: string; why: 'key' | 'status' | 'kind' | 'empty' | 'twice' }
}

const glob = (pattern: string) => new RegExp(`^${pattern.split('*').map((p) => p.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`)

/** parseFilter reads an expression. Parts are joined by "and", values behind one colon by a comma and "or". */
export function parseFilter(expression: string): Filter {
  const found = new Map<Key, string[]>()
  const none: Filter = { query: {}, wants: () => true }
  for (const part of expression.trim().split(/\s+/).filter(Boolean)) {
    const [, key = '', value = ''] = /^([^:]*):?(.*)$/.exec(part) ?? []
    if (!(keys as readonly string[]).includes(key)) return { ...none, wrong: { part, why: 'key' } }
    const values = value.split(',').filter(Boolean)
    if (values.length === 0) return { ...none, wrong: { part, why: 'empty' } }
    if (found.has(key as Key) || (key !== 'type' && key !== 'status' && values.length > 1)) return { ...none, wrong: { part, why: 'twice' } }
    if (key === 'status' && values.some((v) => !(v in statuses))) return { ...none, wrong: { part, why: 'status' } }
    if (key === 'kind' && value !== 'attempt' && value !== 'message') return { ...none, wrong: { part, why: 'kind' } }
    found.set(key as Key, values)
  }
  const query: Filter['query'] = {}
  const tests: ((e: Event) => boolean)[] = []
  const one = (key: Key) => found.get(key)?.[0]
  const app = one('app'), endpoint = one('endpoint'), types = found.get('type'), wanted = found.get('status')
  if (app) query.app_id = app
  if (endpoint && app) query.endpoint_id = endpoint
  else if (endpoint) tests.push((e) => e.endpointId === endpoint)
  if (types?.some((t) => t.includes('*'))) {
    const patterns = types.map(glob)
    tests.push((e) => patterns.some((p) => p.test(e.eventType)))
  } else if (types) query.event_types = types
  if (wanted) {
    const numbers = [...new Set(wanted.flatMap((w) => statuses[w]!))]
    // The server takes one status; of several the page chooses.
    if (numbers.length === 1) query.status = numbers[0]!
    else tests.push((e) => e.kind === 'attempt' && numbers.includes(String(e.status)))
  }
  if (one('reason')) query.reason = one('reason')!
  if (one('kind')) query.kind = one('kind')!
  return { query, wants: (e) => tests.every((t) => t(e)) }
}
