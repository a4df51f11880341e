import { client } from '../../api/client'
import { useList } from '../../api/list'
import { useViewer } from '../../api/viewer'
import { Bars, HeatMap, latencyRows, Latency, reasonsOf, regroup, Series, shareOf, Strip, useMoment, type Point } from '../../charts'
import { text } from '../../text'
import { milliseconds, number, percent } from '../../text/format'
import { Chip, Empty, Link, Listing, Loading, Problem, Table, Time } from '../../ui'
import { useReasons, useWhy, type Place } from './data'
import { endOf, outageOf } from './outage'
import { RangePicker, spanOf, useRange, useSeries, type Range } from './range'

/** Overview is how an endpoint does: the verdict, the figures of a time, and its attempts. */
export function Overview({ place }: { place: Place }) {
  const [range, zoom] = useRange()
  const series = useSeries(place, range)
  const attempts = useAttempts(place, range)
  const words = useReasons()
  const t = text.endpoint
  return (
    <div className="stack">
      <Verdict place={place} />
      {!range.fixed && series.data && <Recovered points={series.data.points} step={series.data.step} attempts={attempts.rows} />}
      <RangePicker range={range} />
      {series.isPending ? <Loading lines={8} /> : series.error ? <Problem error={series.error} onRetry={series.refetch} /> : (
        <>
          <Figures total={series.data.total} />
          <Strip title={t.health} points={series.data.points} step={series.data.step} onPress={zoom} />
          <div className="grid">
            <Series title={t.throughput} points={series.data.points} step={series.data.step} onZoom={zoom} />
            <Latency title={t.latency} points={series.data.points} step={series.data.step} onZoom={zoom} />
          </div>
          <div className="grid">
            <LatencyMap points={series.data.points} step={series.data.step} onZoom={zoom} />
            <Bars title={t.reasons} empty={t.noFailures} rows={reasonsOf([series.data.total]).map((r) => ({ key: r.reason, label: words(r.reason), count: r.count }))} />
          </div>
        </>
      )}
      <Attempts place={place} range={range} list={attempts} words={words} />
    </div>
  )
}

function Verdict({ place }: { place: Place }) {
  const why = useWhy(place)
  if (!why.data) return null
  const bad = (why.data.failures ?? []).some((f) => f.isError)
  return (
    <div className={bad ? 'note warn' : 'note ok'} role="status">
      <p>{why.data.verdict}</p>
      {why.data.nextStep && <p className="muted">{why.data.nextStep}</p>}
    </div>
  )
}

// Recovered says that an outage is over: the verdict counts it as part of the day.
function Recovered({ points, step, attempts }: { points: Point[]; step: number; attempts: { status: number; timestamp: string }[] }) {
  const { may } = useViewer()
  const moment = useMoment(0)
  const t = text.endpoint
  const outage = outageOf(points.map((p) => ({ at: new Date(p.at).toISOString(), final: p.failed })), step)
  const end = outage && endOf(outage, attempts)
  if (!outage || !end) return null
  return (
    <div className="note ok row" role="status">
      <Chip tone="ok" icon="check">{t.recovered}</Chip>
      <span>{t.recoveredFrom(moment(outage.since), moment(end))} {may('CreateAttempts') && t.replayThem}</span>
    </div>
  )
}

type Total = { success: number; failed: number; latency: { count: number; p50Ms: number; p95Ms: number; p99Ms: number } | null }

function Figures({ total }: { total: Total }) {
  const t = text.endpoint
  const timed = total.latency && total.latency.count > 0 ? total.latency : null
  const figures: [string, string][] = [
    [t.succeeded, percent(shareOf(total.success, total.failed))],
    [t.attempts, number(total.success + total.failed)],
    ['p50', milliseconds(timed?.p50Ms)],
    ['p95', milliseconds(timed?.p95Ms)],
    ['p99', milliseconds(timed?.p99Ms)],
  ]
  return (
    <dl className="tiles">
      {figures.map(([name, value]) => <div key={name} className="card"><dt>{name}</dt><dd>{value}</dd></div>)}
    </dl>
  )
}

// LatencyMap shows receivers that have two speeds, which a percentile hides.
function LatencyMap({ points, step, onZoom }: { points: Point[]; step: number; onZoom: (since: Date, until: Date) => void }) {
  const t = text.endpoint
  const moment = useMoment(step)
  const cells = regroup(points, 60)
  const length = step * Math.max(1, Math.ceil(points.length / 60))
  const rows = latencyRows(cells)
  const label = (i: number) => (rows[i]!.belowMs === null ? t.above(milliseconds(rows[i]!.fromMs)) : t.upTo(milliseconds(rows[i]!.belowMs)))
  const most = rows.reduce<[number, number]>((best, r, i) => {
    const n = r.counts.reduce((a, b) => a + b, 0)
    return n > best[1] ? [i, n] : best
  }, [-1, 0])
  return (
    <HeatMap
      title={t.latencyMap}
      colour="slow"
      empty={rows.length === 0 && text.charts.noTimes}
      summary={most[0] >= 0 ? t.latencyMapSummary(most[1], label(most[0])) : text.charts.noTimes}
      rows={rows.map((r, i) => ({ key: String(r.belowMs), label: rows[i]!.belowMs === null ? `> ${milliseconds(r.fromMs)}` : `≤ ${milliseconds(r.belowMs)}`, cells: r.cells }))}
      columns={cells.map((c) => moment(c.at))}
      words={(row, column) => t.latencyCell(moment(cells[column]!.at), rows[row]!.counts[column]!, label(row))}
      onPress={(_, column) => onZoom(new Date(cells[column]!.at), new Date(cells[column]!.at + length))}
      table={() => ({ columns: [text.charts.from, ...rows.map((_, i) => label(i))], rows: cells.map((c, x) => [moment(c.at), ...rows.map((r) => number(r.counts[x]))]) })}
    />
  )
}

const useAttempts = (place: Place, range: Range) =>
  useList(['attempts', place, range], (iterator) => {
    const { since, until } = spanOf(range)
    const time = range.fixed ? { before: new Date(until).toISOString(), after: iterator ? undefined : new Date(since).toISOString() } : {}
    return client.GET('/api/v1/app/{app_id}/attempt/endpoint/{endpoint_id}', { params: { path: place, query: { limit: 20, iterator, with_content: false, with_msg: true, ...time } } })
  }, { every: range.fixed ? undefined : 10_000 })

function Attempts({ place, range, list, words }: { place: Place; range: Range; list: ReturnType<typeof useAttempts>; words: (reason: string) => string }) {
  const { to } = useViewer()
  const t = text.endpoint
  return (
    <section className="stack tight">
      <h2>{range.fixed ? t.attemptsThen : t.recentAttempts}</h2>
      <Listing list={list} whenEmpty={<Empty title={t.noAttempt}>{t.noAttemptHelp}</Empty>}>
        <Table
          label={t.recentAttempts}
          rows={list.rows}
          rowKey={(a) => a.id}
          onMore={list.more}
          columns={[
            { head: t.outcome, cell: (a) => a.status === 0 ? <Chip tone="ok">{text.states.delivered}</Chip> : <Chip tone="bad">{text.states.failed}</Chip> },
            { head: t.message, cell: (a) => <Link to={`${to.message(place.app_id, a.msgId)}?attempt=${a.id}`}>{a.msg?.eventType ?? a.msgId}</Link> },
            { head: t.answer, cell: (a) => <span>{a.responseStatusCode > 0 ? <code>{a.responseStatusCode}</code> : null} {a.hookloft?.reason ? words(a.hookloft.reason) : ''}</span> },
            { head: t.attemptNumber, number: true, cell: (a) => number(a.hookloft?.n) },
            { head: t.took, number: true, cell: (a) => milliseconds(a.responseDurationMs) },
            { head: t.when, cell: (a) => <Time at={a.timestamp} /> },
          ]}
        />
      </Listing>
    </section>
  )
}
