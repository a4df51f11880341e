import { expect, test } from 'vitest'
import { parseSchedule, standard, writeSchedule } from './schedule'

test('a schedule is read and written in the same words', () => {
  expect(writeSchedule(standard)).toBe('5s, 5m, 30m, 2h, 5h, 10h, 10h')
  expect(parseSchedule(writeSchedule(standard))).toEqual(standard)
  expect(parseSchedule('90 1.5h,2min 1d')).toEqual([90, 5400, 120, 86_400])
  expect(writeSchedule([90, 86_400])).toBe('90s, 1d')
  expect(parseSchedule('')).toEqual([])
  for (const wrong of ['soon', '5x', '-1', '1e3', '5s;6s']) expect(parseSchedule(wrong)).toBeUndefined()
})
