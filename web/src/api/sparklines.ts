import { useQueries } from '@tanstack/react-query'
import { client, type OwnShapes } from './client'

export type Spark = { id: string; ok: number; failed: number; buckets: { ok: number; failed: number }[] }

/** sparkOf is a row of the answer; the server always sends its buckets. */
export const sparkOf = (s: OwnShapes['Sparkline']): Spark => ({ ...s, buckets: s.buckets ?? [] })

export type SparkPeriod = 'minute' | '5min' | 'hour'

// A list asks a page at a time: what was asked for stays as it is when the next page comes.
const page = 50

/** useSparklines asks for the last 24 periods of applications, or of endpoints of the application appId, by their ids. */
export function useSparklines(ids: string[], { appId, period = 'hour' }: { appId?: string; period?: SparkPeriod } = {}): Map<string, Spark> {
  const pages = Array.from({ length: Math.ceil(ids.length / page) }, (_, i) => ids.slice(i * page, (i + 1) * page))
  return useQueries({
    queries: pages.map((some) => ({
      queryKey: ['sparklines', appId, period, some],
      staleTime: 30_000,
      refetchInterval: 60_000,
      queryFn: async () => (appId !== undefined
        ? await client.GET('/x/v1/app/{app_id}/stats/sparklines', { params: { path: { app_id: appId }, query: { endpoint_ids: some, period } } })
        : await client.GET('/x/v1/stats/sparklines', { params: { query: { app_ids: some, period } } })).data!.data.map(sparkOf),
    })),
    combine: (results) => new Map(results.flatMap((r) => r.data ?? []).map((s) => [s.id, s])),
  })
}
