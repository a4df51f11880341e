import { expect, test } from 'vitest'
import { differing, merged } from './draft'

const before = { url: 'a', rate: '1', token: '' }

test('a field that nobody changed takes what is saved, and a field where somebody typed keeps it', () => {
  expect(merged({ ...before, url: 'b', rate: '2' }, before, { ...before, rate: '3' })).toEqual({ url: 'b', rate: '3', token: '' })
})

test('what was sent gives way to what was made of it, and what was typed since does not', () => {
  const sent = { url: ' b ', rate: '2', token: 'secret' }
  expect(merged({ url: 'b', rate: '2', token: '' }, sent, { ...sent, rate: '3' })).toEqual({ url: 'b', rate: '3', token: '' })
})

test('rows that say the same stay themselves', () => {
  const rows = (key: number, value: string) => ({ rows: [{ key, value }] })
  const plain = (of: { rows: { value: string }[] }) => ({ rows: of.rows.map((r) => r.value) })
  const now = rows(1, 'x')
  expect(merged(rows(2, 'x'), rows(3, 'w'), now, plain).rows).toBe(now.rows)
  expect(merged(rows(2, 'x'), rows(3, 'x'), now, plain).rows).toBe(now.rows)
  expect(merged(rows(2, 'y'), rows(3, 'x'), now, plain)).toEqual(rows(2, 'y'))
  expect(differing(now, rows(2, 'x'), plain)).toEqual([])
})
