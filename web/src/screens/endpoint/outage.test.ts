import { expect, test } from 'vitest'
import { endOf, isWell, outageOf } from './outage'

const minute = 60_000
const at = (n: number, final: number) => ({ at: new Date(n * minute).toISOString(), final })

test('an outage is from its first failure for good to the end of its last period', () => {
  expect(outageOf([at(0, 0), at(1, 4), at(2, 0), at(3, 1), at(4, 0)], minute)).toEqual({ since: minute, until: 4 * minute })
  expect(outageOf([at(0, 0), at(1, 0)], minute)).toBeNull()
  expect(outageOf([], minute)).toBeNull()
})

test('an outage that ended was over before the first of the successes since', () => {
  const of = (n: number, status: number) => ({ status, timestamp: new Date(n * minute).toISOString() })
  const newest = [of(9, 0), of(8, 0), of(7, 0), of(5, 2), of(4, 0)]
  expect(endOf({ until: 10 * minute }, newest)).toBe(7 * minute)
  expect(endOf({ until: 6 * minute }, newest)).toBe(6 * minute)
  expect(endOf({ until: 10 * minute }, newest.slice(2))).toBeNull()
})

test('an endpoint is well after three successes in a row, none newer than which failed', () => {
  const of = (...statuses: number[]) => statuses.map((status) => ({ status }))
  expect(isWell(of(0, 0, 0, 2))).toBe(true)
  expect(isWell(of(0, 0, 2))).toBe(false)
  expect(isWell(of(2, 0, 0, 0))).toBe(false)
  expect(isWell(of(0, 0))).toBe(false)
})
