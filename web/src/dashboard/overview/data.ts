// What the overview asks for.
import { useQueries, useQuery } from '@tanstack/react-query'
import { client, type OwnShapes } from '../../api/client'
import { periodFor, pointsOf, stepOf } from '../../charts'
import { spanOf, untilOf, type Range } from '../../screens/endpoint/range'

const at = (ms: number) => new Date(ms).toISOString()

/** useSeries is the environment's attempts in a range, and the sums of as long a time before it: before is null where that is
    longer ago than anything is kept, or could not be asked. */
export function useSeries(range: Range) {
  return useQuery({
    queryKey: ['overview', 'series', range],
    refetchInterval: range.fixed ? false : 10_000,
    placeholderData: (before) => before,
    queryFn: async () => {
      const { since, until } = spanOf(range)
      const earlier = since - (until - since)
      const [now, before] = await Promise.all([
        client.GET('/x/v1/stats/series', { params: { query: { period: periodFor(since, until, Date.now()), since: at(since), until: untilOf(range) } } }),
        client.GET('/x/v1/stats/series', { params: { query: { period: periodFor(earlier, since, Date.now()), since: at(earlier), until: at(since) } } }).catch(() => null),
      ])
      return { points: pointsOf(now.data!), step: stepOf(now.data!.period), total: now.data!.total, before: before?.data?.total ?? null }
    },
  })
}

export type Failing = { appId: string; endpointId: string; count: number; firstAt: string; lastAt: string; reasons: string[] }

/** failing adds up the classes of failures by endpoint, the worst first. */
export function failing(failures: OwnShapes['FailureOut'][]): Failing[] {
  const all = new Map<string, Failing>()
  for (const f of failures) {
    if (!f.isError) continue
    for (const e of f.top ?? []) {
      const known = all.get(e.endpointId)
      if (!known) {
        all.set(e.endpointId, { ...e, reasons: [f.words] })
        continue
      }
      known.count += e.count
      known.reasons.push(f.words)
      if (e.firstAt < known.firstAt) known.firstAt = e.firstAt
      if (e.lastAt > known.lastAt) known.lastAt = e.lastAt
    }
  }
  return [...all.values()].sort((a, b) => b.count - a.count)
}

/** useFailures are the classes of failures of a range, the most frequent first, and how exact their times are. */
export function useFailures(range: Range) {
  return useQuery({
    queryKey: ['overview', 'failures', range],
    refetchInterval: range.fixed ? false : 30_000,
    placeholderData: (before) => before,
    queryFn: async () => {
      const { since } = spanOf(range)
      return (await client.GET('/x/v1/stats/failures', { params: { query: { since: at(since), until: untilOf(range) } } })).data!
    },
  })
}

export const useQueue = () =>
  useQuery({ queryKey: ['overview', 'queue'], refetchInterval: 15_000, queryFn: async () => (await client.GET('/x/v1/queue')).data! })

const mostIssues = 250

/** useIssues counts what is open now, and what of it began in the range. isMore says that there is more than was counted. */
export function useIssues(range: Range) {
  return useQuery({
    queryKey: ['overview', 'issues', range],
    refetchInterval: range.fixed ? false : 30_000,
    placeholderData: (before) => before,
    queryFn: async () => {
      const { since, until } = spanOf(range)
      const { data } = await client.GET('/x/v1/issue', { params: { query: { state: 'open', limit: mostIssues } } })
      const fresh = data!.data.filter((i) => Date.parse(i.firstAt) >= since && Date.parse(i.firstAt) < until).length
      return { open: data!.data.length, fresh, isMore: !data!.done }
    },
  })
}

/** useURLs are the URLs of endpoints, as far as they are known; one that was deleted has none. */
export function useURLs(endpoints: { appId: string; endpointId: string }[]): Map<string, string> {
  return useQueries({
    queries: endpoints.map(({ appId, endpointId }) => ({
      queryKey: ['endpoint', appId, endpointId, 'itself'],
      staleTime: 60_000,
      queryFn: async () => (await client.GET('/api/v1/app/{app_id}/endpoint/{endpoint_id}', { params: { path: { app_id: appId, endpoint_id: endpointId } } })).data!,
    })),
    combine: (results) => new Map(results.flatMap((r) => (r.data ? [[r.data.id, r.data.url] as const] : []))),
  })
}
