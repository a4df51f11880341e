import { expect, test } from 'vitest'
import { ago, bytes, count, milliseconds, number, percent } from './format'

test('an unknown number is a dash and never 0', () => {
  expect([number(undefined), number(null), number(Number.NaN), percent(Number.NaN), milliseconds(null), bytes(undefined)]).toEqual(['–', '–', '–', '–', '–', '–'])
  expect(number(0)).toBe('0')
})

test('numbers have their unit and their plural', () => {
  expect(count(1, 'message', 'messages')).toBe('1 message')
  expect(count(1204, 'message', 'messages')).toBe('1,204 messages')
  expect([milliseconds(3.25), milliseconds(999), milliseconds(1500), milliseconds(90_000)]).toEqual(['3.3 ms', '999 ms', '1.5 s', '1.5 min'])
  expect([bytes(999), bytes(1200), bytes(12_000_000)]).toEqual(['999 B', '1.2 kB', '12 MB'])
})

test('a time is a distance from now, in both directions', () => {
  const now = new Date('2026-11-21T12:00:00Z')
  expect(ago(new Date('2026-11-21T11:57:00Z'), now)).toBe('3 minutes ago')
  expect(ago(new Date('2026-11-21T14:00:00Z'), now)).toBe('in 2 hours')
})
