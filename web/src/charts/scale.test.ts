import { expect, test } from 'vitest'
import { pointsOf, shareOf, type Point } from './point'
import { bars, healthOf, latencyRows, level, move, periodFor, reasonsOf, regroup, stack } from './scale'

const point = (p: Partial<Point> = {}): Point => ({ at: 0, ok: 0, retried: 0, failed: 0, p50: null, p95: null, p99: null, reasons: {}, buckets: null, ...p })

test('layers are stacked from the lowest up', () => {
  expect(stack([[1, 2], [3, 0], [1, 1]])).toEqual([[1, 2], [4, 2], [5, 3]])
  expect(stack([])).toEqual([])
})

test('a rare failure is seen, a column without traffic is empty', () => {
  const [first, second, third] = bars([{ ok: 999, failed: 1 }, { ok: 0, failed: 0 }, { ok: 0, failed: 500 }], 30, 20)
  expect(first).toEqual({ x: 0, width: 10, ok: 18, failed: 2 })
  expect(second).toEqual({ x: 10, width: 10, ok: 0, failed: 0 })
  expect(third).toEqual({ x: 20, width: 10, ok: 0, failed: 10 })
})

test('columns can share a scale, and do not leave their box', () => {
  expect(bars([{ ok: 10, failed: 0 }], 10, 20, 20)[0]!.ok).toBe(10)
  expect(bars([{ ok: 40, failed: 0 }], 10, 20, 20)[0]!.ok).toBe(20)
})

test('points are put together, and no attempt is lost', () => {
  const points = Array.from({ length: 181 }, (_, i) => point({ at: i, ok: 1, p95: i, reasons: { server: 1 } }))
  const cells = regroup(points, 90)
  expect(cells.length).toBeLessThanOrEqual(90)
  expect(cells.reduce((n, c) => n + c.ok, 0)).toBe(181)
  expect(cells[0]).toMatchObject({ at: 0, p95: 2, p50: null, reasons: { server: 3 } })
})

test('a cell without traffic is neither good nor bad', () => {
  expect([point(), point({ ok: 5 }), point({ ok: 95, retried: 5 }), point({ ok: 1, failed: 9 })].map(healthOf)).toEqual(['none', 'ok', 'some', 'many'])
  expect(shareOf(0, 0)).toBeNull()
})

test('shades: nothing is none, little is the first', () => {
  expect([0, 0.001, 0.2, 0.21, 1, 2].map((s) => level(s))).toEqual([0, 1, 1, 2, 5, 5])
})

test('keys move the cursor and stop at the ends', () => {
  expect([move(-1, 'ArrowRight', 5), move(4, 'ArrowRight', 5), move(0, 'ArrowLeft', 5), move(2, 'End', 5), move(2, 'a', 5), move(0, 'Home', 0)]).toEqual([0, 4, 0, 4, undefined, undefined])
})

test('the latency map has the slowest on top and no empty edges', () => {
  const buckets = (...counts: number[]) => counts.map((count, i) => ({ belowMs: [1, 10, 100, null][i]!, count }))
  const rows = latencyRows([point({ ok: 5, buckets: buckets(0, 4, 1, 0) }), point({ buckets: buckets(0, 0, 0, 0) })])
  expect(rows.map((r) => [r.fromMs, r.belowMs, r.cells])).toEqual([[10, 100, [0.25, null]], [1, 10, [1, null]]])
  expect(latencyRows([point()])).toEqual([])
})

test('reasons are summed, the most frequent first', () => {
  expect(reasonsOf([{ reasons: { server: 1, auth: 2 } }, { reasons: { server: 3 } }])).toEqual([{ reason: 'server', count: 4 }, { reason: 'auth', count: 2 }])
})

test('a period is as fine as what is kept, and gives few points', () => {
  const hour = 3_600_000
  const now = 1000 * hour
  expect(periodFor(now - hour, now, now)).toBe('minute')
  expect(periodFor(now - 6 * hour, now, now)).toBe('5min')
  expect(periodFor(now - 24 * hour, now, now)).toBe('5min')
  expect(periodFor(now - 48 * hour, now, now)).toBe('hour')
  expect(periodFor(now - 200 * hour, now - 199 * hour, now)).toBe('hour')
})

test('a series of the API becomes points: what is retried is not failed for good', () => {
  const latency = { count: 2, maxMs: 9, meanMs: 5, p50Ms: 4, p95Ms: 8, p99Ms: 9 }
  const [a, b] = pointsOf({ data: [
    { at: '2026-11-21T12:00:00Z', success: 7, failed: 3, final: 1, reasons: { server: 3 }, latency },
    { at: '2026-11-21T12:01:00Z', success: 0, failed: 0, final: 0, reasons: {}, latency: { ...latency, count: 0 } },
  ] })
  expect(a).toMatchObject({ at: Date.parse('2026-11-21T12:00:00Z'), ok: 7, retried: 2, failed: 1, p50: 4, p99: 9 })
  expect(b!.p95).toBeNull()
})
