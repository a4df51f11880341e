import { expect, test } from 'vitest'
import { group, type Entry } from './audit-groups'

const entry = (id: string, second: number, e: Partial<Entry> = {}): Entry => ({
  id, at: new Date(Date.UTC(2026, 10, 21, 12, 0, second)).toISOString(), noun: 'endpoint', action: 'updated', appId: 'app_1', subjectId: id, name: '',
  actor: { kind: 'api-token', id: 'key_1', name: null, address: null, requestId: null, sessionId: null }, before: { disabled: 'null' }, after: { disabled: 'true' }, ...e,
})
const ids = (entries: Entry[]) => group(entries).map((g) => g.entries.map((e) => e.id))

test('what one actor disabled within a minute is one row', () => {
  expect(ids([entry('c', 59), entry('b', 30), entry('a', 0)])).toEqual([['c', 'b', 'a']])
})
test('another actor, another minute or another change begins a new row', () => {
  const other = { actor: { ...entry('x', 0).actor, id: 'key_2' } }
  expect(ids([entry('c', 59), entry('b', 30, other), entry('a', 0)])).toEqual([['c'], ['b'], ['a']])
  expect(ids([entry('b', 61), entry('a', 0)])).toEqual([['b'], ['a']])
  expect(ids([entry('c', 2), entry('b', 1, { after: { url: '"x"' }, before: { url: '"y"' } }), entry('a', 0)])).toEqual([['c'], ['b'], ['a']])
})
test('what was disabled before, or created so, cannot be undone by enabling', () => {
  expect(group([entry('b', 1, { action: 'created', before: null }), entry('a', 0, { before: null })]).map((g) => g.disabled.length)).toEqual([0, 0])
})
