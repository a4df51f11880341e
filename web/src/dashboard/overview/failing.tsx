import { useQueries } from '@tanstack/react-query'
import { client, type OwnShapes } from '../../api/client'
import { sparkOf, type Spark, type SparkPeriod } from '../../api/sparklines'
import { useViewer } from '../../api/viewer'
import { HeatMap, Sparkline, shareOf, stepOf, useMoment } from '../../charts'
import { spanOf, type Range } from '../../screens/endpoint/range'
import { text } from '../../text/dashboard'
import { number } from '../../text/format'
import { Link, Table, useGo } from '../../ui'
import { failing, useURLs, type Failing } from './data'

const most = 30

/** FailingEndpoints shows where it fails: a map of endpoints and times, and the worst of them. */
export function FailingEndpoints({ failures, range }: { failures: OwnShapes['FailuresOut']; range: Range }) {
  const worst = failing(failures.data).slice(0, most)
  const urls = useURLs(worst)
  const { since, until } = spanOf(range)
  // The map has the last 24 periods: of a short time in steps of five minutes, else by the hour.
  const period: SparkPeriod = until - since <= 2 * 3_600_000 ? '5min' : 'hour'
  const sparks = useSparks(worst, period)
  const t = text.overview
  if (worst.length === 0) return <p className="note ok">{t.noFailures}</p>
  return (
    <>
      <FailureMap worst={worst.filter((e) => sparks.has(e.endpointId))} sparks={sparks} urls={urls} period={period} />
      <TopFailing worst={worst.slice(0, 10)} sparks={sparks} urls={urls} byHour={failures.period === 'hour'} />
    </>
  )
}

// useSparks asks for each application's endpoints in one call.
function useSparks(worst: Failing[], period: SparkPeriod): Map<string, Spark & { since: string }> {
  const apps = [...new Set(worst.map((e) => e.appId))]
  return useQueries({
    queries: apps.map((appId) => {
      const ids = worst.filter((e) => e.appId === appId).map((e) => e.endpointId).sort()
      return {
        queryKey: ['sparklines', 'failing', appId, period, ids],
        staleTime: 30_000,
        refetchInterval: 60_000,
        queryFn: async () => {
          const { data } = await client.GET('/x/v1/app/{app_id}/stats/sparklines', { params: { path: { app_id: appId }, query: { endpoint_ids: ids, period } } })
          return data!.data.map((s) => ({ ...sparkOf(s), since: data!.since }))
        },
      }
    }),
    combine: (results) => new Map(results.flatMap((r) => r.data ?? []).map((s) => [s.id, s])),
  })
}

type Shown = { worst: Failing[]; sparks: Map<string, Spark & { since: string }>; urls: Map<string, string> }

function FailureMap({ worst, sparks, urls, period }: Shown & { period: SparkPeriod }) {
  const viewer = useViewer()
  const go = useGo()
  const step = stepOf(period)
  const moment = useMoment(step)
  const t = text.overview
  const first = sparks.get(worst[0]?.endpointId ?? '')
  if (!first) return null
  const begins = first.buckets.map((_, i) => Date.parse(first.since) + i * step)
  const name = (row: number) => urls.get(worst[row]!.endpointId) ?? worst[row]!.endpointId
  const bucket = (row: number, column: number) => sparks.get(worst[row]!.endpointId)!.buckets[column]!
  const words = (row: number, column: number) => t.cell(name(row), moment(begins[column]!), bucket(row, column).ok, bucket(row, column).failed)
  return (
    <HeatMap
      title={period === 'hour' ? t.mapOfDay : t.mapOfHours}
      summary={t.mapSummary(worst.length, name(0))}
      labels={34}
      rows={worst.map((e, row) => ({ key: e.endpointId, label: name(row), cells: sparks.get(e.endpointId)!.buckets.map((b) => { const s = shareOf(b.ok, b.failed); return s === null ? null : 1 - s }) }))}
      columns={begins.map(moment)}
      words={words}
      onPress={(row, column) => go(`${viewer.to.endpoint(worst[row]!.appId, worst[row]!.endpointId)}?since=${new Date(begins[column]!).toISOString()}&until=${new Date(begins[column]! + step).toISOString()}`)}
      table={() => ({ columns: [t.endpoint, ...begins.map(moment)], rows: worst.map((_, row) => [name(row), ...begins.map((_, i) => t.failedOf(bucket(row, i).failed, bucket(row, i).ok + bucket(row, i).failed))]) })}
    />
  )
}

function TopFailing({ worst, sparks, urls, byHour }: Shown & { byHour: boolean }) {
  const viewer = useViewer()
  const moment = useMoment(0)
  const t = text.overview
  return (
    <section className="stack tight">
      <h2>{t.topFailing}</h2>
      <Table
        label={t.topFailing}
        rows={worst}
        rowKey={(e) => e.endpointId}
        columns={[
          { head: t.endpoint, cell: (e) => <Link className="break" to={viewer.to.endpoint(e.appId, e.endpointId)}>{urls.get(e.endpointId) ?? e.endpointId}</Link> },
          { head: t.lastDay, cell: (e) => { const s = sparks.get(e.endpointId); return s && <Sparkline columns={s.buckets} /> } },
          { head: t.failedAttempts, number: true, cell: (e) => number(e.count) },
          { head: t.why, cell: (e) => <>{e.reasons[0]}{e.reasons.length > 1 && <span className="muted"> {t.andOthers(e.reasons.length - 1)}</span>}</> },
          { head: t.lastFailure, cell: (e) => { const at = moment(Date.parse(e.lastAt)); return <time dateTime={e.lastAt}>{byHour ? t.inHour(at) : at}</time> } },
        ]}
      />
    </section>
  )
}
