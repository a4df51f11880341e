import { useQuery } from '@tanstack/react-query'
import { client } from '../../api/client'
import { periodFor, pointsOf, stepOf, useMoment } from '../../charts'
import { text } from '../../text'
import { Button, useSearch } from '../../ui'
import type { Place } from './data'

const hour = 3_600_000
const ranges = { '1h': hour, '6h': 6 * hour, '24h': 24 * hour, '7d': 168 * hour, '30d': 720 * hour } as const
type Name = keyof typeof ranges

/** Range is a time in the address: ?range=6h until now, or ?since=&until=, which a brush over a chart sets. */
export type Range = { name: Name; fixed: false } | { since: number; until: number; fixed: true }

export function useRange(): [Range, (since: Date, until: Date) => void] {
  const [search, set] = useSearch()
  const [since, until] = [Date.parse(search.since ?? ''), Date.parse(search.until ?? '')]
  const zoom = (from: Date, to: Date) => set({ since: from.toISOString(), until: to.toISOString() }, { push: true })
  if (since < until) return [{ since, until, fixed: true }, zoom]
  return [{ name: search.range && search.range in ranges ? (search.range as Name) : '24h', fixed: false }, zoom]
}

/** spanOf is the time of a range as it is now. */
export const spanOf = (range: Range): { since: number; until: number } =>
  range.fixed ? range : { since: Date.now() - ranges[range.name], until: Date.now() }

/** untilOf is what the server is asked for as the end: its own present, where the range ends now, since a clock here may be ahead of its. */
export const untilOf = (range: Range): string | undefined => (range.fixed ? new Date(range.until).toISOString() : undefined)

/** useSeries asks for an endpoint's series in a range; a range until now moves on by itself. */
export function useSeries(place: Place, range: Range) {
  return useQuery({
    queryKey: ['endpoint', place.app_id, place.endpoint_id, 'series', range],
    refetchInterval: range.fixed ? false : 10_000,
    placeholderData: (before) => before,
    queryFn: async () => {
      const { since, until } = spanOf(range)
      const period = periodFor(since, until, Date.now())
      const query = { period, since: new Date(since).toISOString(), until: untilOf(range), with_buckets: true }
      const { data } = await client.GET('/x/v1/app/{app_id}/endpoint/{endpoint_id}/stats/series', { params: { path: place, query } })
      return { points: pointsOf(data!), total: data!.total, step: stepOf(data!.period) }
    },
  })
}

/** RangePicker chooses the time; one that was marked in a chart is said, and let go with a button. */
export function RangePicker({ range }: { range: Range }) {
  const [, set] = useSearch()
  const moment = useMoment(0)
  const t = text.endpoint
  return (
    <div className="row" role="group" aria-label={t.range}>
      {(Object.keys(ranges) as Name[]).map((name) => (
        <Button key={name} look={!range.fixed && range.name === name ? 'primary' : undefined} aria-pressed={!range.fixed && range.name === name} onPress={() => set({ range: name === '24h' ? '' : name, since: '', until: '' })}>{t.ranges[name]}</Button>
      ))}
      {range.fixed && <Button icon="cross" onPress={() => set({ since: '', until: '' })}>{t.between(moment(range.since), moment(range.until))}</Button>}
    </div>
  )
}
