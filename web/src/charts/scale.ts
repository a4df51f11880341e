// Where things are drawn: numbers in, numbers out.
import { all, shareOf, type Point } from './point'

/** stack adds up for a stacked area: the upper edges from the lowest layer to the highest. */
export const stack = (layers: number[][]): number[][] => {
  const out: number[][] = []
  layers.forEach((layer, i) => out.push(layer.map((v, x) => v + (out[i - 1]?.[x] ?? 0))))
  return out
}

/** bars gives each column of a sparkline its place: from the bottom ok, on top of it failed. A column that has any failure
    shows at least minimum of it: one in a thousand is what one looks for. */
export function bars(columns: { ok: number; failed: number }[], width: number, height: number, max?: number, minimum = 2) {
  const top = max ?? Math.max(0, ...columns.map((c) => c.ok + c.failed))
  const step = columns.length ? width / columns.length : 0
  return columns.map((c, i) => {
    const total = c.ok + c.failed
    if (total === 0 || top === 0) return { x: i * step, width: step, ok: 0, failed: 0 }
    const whole = Math.max(minimum, Math.min(1, total / top) * height)
    const failed = c.failed === 0 ? 0 : Math.min(whole, Math.max(minimum, (whole * c.failed) / total))
    return { x: i * step, width: step, ok: whole - failed, failed }
  })
}

/** regroup puts points together into at most count cells, each of whole points; the last may hold fewer. */
export function regroup(points: Point[], count: number): Point[] {
  const size = Math.max(1, Math.ceil(points.length / count))
  const out: Point[] = []
  for (let i = 0; i < points.length; i += size) out.push(points.slice(i, i + size).reduce(join))
  return out
}

// join adds two periods. Percentiles cannot be added: the worse one stands for both, and says so by being an upper bound.
function join(a: Point, b: Point): Point {
  const worse = (x: number | null, y: number | null) => (x === null ? y : y === null ? x : Math.max(x, y))
  const reasons = { ...a.reasons }
  for (const [name, n] of Object.entries(b.reasons)) reasons[name] = (reasons[name] ?? 0) + n
  return {
    at: a.at, ok: a.ok + b.ok, retried: a.retried + b.retried, failed: a.failed + b.failed,
    p50: worse(a.p50, b.p50), p95: worse(a.p95, b.p95), p99: worse(a.p99, b.p99), reasons,
    buckets: !a.buckets ? b.buckets : !b.buckets ? a.buckets : a.buckets.map((x, i) => ({ belowMs: x.belowMs, count: x.count + (b.buckets![i]?.count ?? 0) })),
  }
}

/** State of a cell of the strip. */
export type Health = 'none' | 'ok' | 'some' | 'many'

/** healthOf judges a period: some failures are up to a tenth of its attempts. */
export function healthOf(p: Point): Health {
  const share = shareOf(p.ok, p.retried + p.failed)
  return share === null ? 'none' : share === 1 ? 'ok' : share >= 0.9 ? 'some' : 'many'
}

/** level puts a share of 0 to 1 into one of steps shades; 0 is for nothing at all, what is there is at least 1. */
export const level = (share: number, steps = 5): number => (share <= 0 ? 0 : Math.min(steps, Math.max(1, Math.ceil(share * steps - 1e-9))))

/** move is where a cursor goes by a key, within size; undefined for keys that are not its own. */
export function move(at: number, key: string, size: number): number | undefined {
  if (size === 0) return undefined
  switch (key) {
    case 'ArrowLeft': return Math.max(0, at < 0 ? size - 1 : at - 1)
    case 'ArrowRight': return Math.min(size - 1, at < 0 ? 0 : at + 1)
    case 'PageUp': return Math.max(0, at - 10)
    case 'PageDown': return Math.min(size - 1, Math.max(at, 0) + 10)
    case 'Home': return 0
    case 'End': return size - 1
    default: return undefined
  }
}

/** latencyRows turns the histograms of points into rows for a heat-map, the slowest on top. Rows that nothing ever fell into
    at either end are left out; the value of a cell is its share of the fullest cell. */
export function latencyRows(points: Point[]): { belowMs: number | null; fromMs: number; cells: (number | null)[]; counts: number[] }[] {
  const bounds = points.find((p) => p.buckets)?.buckets?.map((b) => b.belowMs) ?? []
  const most = Math.max(0, ...points.flatMap((p) => p.buckets?.map((b) => b.count) ?? []))
  if (most === 0) return []
  const rows = bounds.map((belowMs, i) => {
    const counts = points.map((p) => p.buckets?.[i]?.count ?? 0)
    return { belowMs, fromMs: (i > 0 && bounds[i - 1]) || 0, counts, cells: points.map((p, x) => (all(p) === 0 ? null : counts[x]! / most)) }
  })
  const used = rows.map((r) => r.counts.some((n) => n > 0))
  return rows.slice(used.indexOf(true), used.lastIndexOf(true) + 1).reverse()
}

/** reasonsOf sums the reasons of points, the most frequent first. */
export function reasonsOf(points: Pick<Point, 'reasons'>[]): { reason: string; count: number }[] {
  const sums = new Map<string, number>()
  for (const p of points) for (const [reason, n] of Object.entries(p.reasons)) sums.set(reason, (sums.get(reason) ?? 0) + n)
  return [...sums].map(([reason, count]) => ({ reason, count })).filter((r) => r.count > 0).sort((a, b) => b.count - a.count || a.reason.localeCompare(b.reason))
}

/** periodFor is the period in which a time of so many milliseconds is asked for: as fine as gives at most about 300 points.
    Minutes are kept for seven days only. */
export function periodFor(since: number, until: number, now: number): 'minute' | '5min' | 'hour' {
  const length = until - since
  const kept = now - since < 7 * 86_400_000
  if (kept && length <= 2 * 3_600_000) return 'minute'
  return kept && length <= 26 * 3_600_000 ? '5min' : 'hour'
}
