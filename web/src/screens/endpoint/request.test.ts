import { expect, test } from 'vitest'
import { parseDelays, parseStatuses, wordsOfDelays } from './request'

test('delays are read with their units and written back', () => {
  expect(parseDelays('5, 90s 5m,2h, 1d')).toEqual([5, 90, 300, 7200, 86_400])
  expect(wordsOfDelays([5, 90, 300, 7200, 86_400])).toBe('5s, 90s, 5m, 2h, 1d')
  expect(parseDelays('')).toEqual([])
  expect(() => parseDelays('5x')).toThrow('5x')
})

test('statuses and ranges', () => {
  expect(parseStatuses('200-299, 302')).toEqual(['200-299', 302])
  expect(parseStatuses(' ')).toBeUndefined()
})
