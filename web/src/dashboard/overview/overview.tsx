// O2: how everything does.
import { useViewer } from '../../api/viewer'
import { Latency, QueueBars, Series } from '../../charts'
import { RangePicker, useRange } from '../../screens/endpoint/range'
import { text } from '../../text/dashboard'
import { Link, Loading, Page, Problem } from '../../ui'
import { useSystem } from '../system/data'
import { useFailures, useIssues, useQueue, useSeries } from './data'
import { FailingEndpoints } from './failing'
import { Figures } from './figures'
import { HealthStrip } from './health'
import { Recovered } from './recovered'
import './overview.css'

export function Overview() {
  const [range, zoom] = useRange()
  const series = useSeries(range)
  const failures = useFailures(range)
  const queue = useQueue()
  const issues = useIssues(range)
  const system = useSystem(false, useViewer().owns('system:read'))
  const t = text.overview
  return (
    <Page title={t.title} actions={<RangePicker range={range} />}>
      {system.data && <HealthStrip system={system.data} />}
      <Recovered />
      {series.isPending ? <Loading lines={8} /> : series.error ? <Problem error={series.error} onRetry={series.refetch} /> : (
        <>
          <Figures total={series.data.total} before={series.data.before} queue={queue.data} issues={issues.data} late={system.data?.queue.oldestDueSeconds} />
          {series.data.total.success + series.data.total.failed === 0 && <p className="note">{t.quiet} <Link to="/start">{t.toStart}</Link></p>}
          <div className="grid">
            <Series title={t.throughput} points={series.data.points} step={series.data.step} onZoom={zoom} />
            <Latency title={t.latency} points={series.data.points} step={series.data.step} onZoom={zoom} />
          </div>
        </>
      )}
      {failures.error ? <Problem error={failures.error} onRetry={failures.refetch} /> : failures.data && <FailingEndpoints failures={failures.data} range={range} />}
      {queue.error ? <Problem error={queue.error} onRetry={queue.refetch} /> : queue.data && (
        <QueueBars title={t.queue} approximated={queue.data.approximated} columns={(['now', 'under1m', 'under5m', 'under1h', 'under6h', 'under24h', 'later', 'held'] as const).map((key) => ({ key, label: t.due[key], count: queue.data.total[key] }))} />
      )}
    </Page>
  )
}
