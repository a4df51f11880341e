// What charts are drawn of, and how the API's series becomes it.
import type { OwnShapes } from '../api/client'

/** Point is one period: at is its begin in milliseconds. ok, retried and failed count attempts; failed are those after
    which none comes. Times are milliseconds, null where nothing was measured. */
export type Point = {
  at: number
  ok: number
  retried: number
  failed: number
  p50: number | null
  p95: number | null
  p99: number | null
  reasons: Record<string, number>
  /** buckets counts attempts by duration; belowMs null is the last, open one. */
  buckets: { belowMs: number | null; count: number }[] | null
}

/** pointsOf reads a series of /x/v1. */
export const pointsOf = (series: Pick<OwnShapes['SeriesOut'], 'data'>): Point[] =>
  series.data.map((p) => ({
    at: Date.parse(p.at),
    ok: p.success,
    retried: Math.max(0, p.failed - p.final),
    failed: Math.min(p.final, p.failed),
    p50: measured(p.latency, 'p50Ms'),
    p95: measured(p.latency, 'p95Ms'),
    p99: measured(p.latency, 'p99Ms'),
    reasons: p.reasons,
    buckets: p.latency?.buckets ?? null,
  }))

const measured = (l: OwnShapes['LatencyOut'] | null, name: 'p50Ms' | 'p95Ms' | 'p99Ms') => (l && l.count > 0 ? l[name] : null)

/** stepOf is how long a period of that name is, in milliseconds. */
export const stepOf = (period: string): number => ({ minute: 60_000, '5min': 300_000 }[period] ?? 3_600_000)

/** all is how many attempts a period had. */
export const all = (p: Point): number => p.ok + p.retried + p.failed

/** shareOf is the share of successes, null where nothing was tried. */
export const shareOf = (ok: number, failed: number): number | null => (ok + failed > 0 ? ok / (ok + failed) : null)
