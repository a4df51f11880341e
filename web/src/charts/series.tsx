import { lazy, Suspense, useMemo, useState } from 'react'
import { text } from '../text'
import { Button } from '../ui'
import { Figure, Readout, Swatch } from './figure'
import { useMoment } from './moment'
import { all, shareOf, type Point } from './point'
import { stack } from './scale'

const Plot = lazy(() => import('./plot'))

type Zoom = (since: Date, until: Date) => void

const zoomTo = (points: Point[], step: number, onZoom: Zoom | undefined) =>
  onZoom && ((first: number, last: number) => onZoom(new Date(points[first]!.at), new Date(points[last]!.at + step)))

/** Series is what was sent, by how it ended, one layer on the other. Drawn over with the mouse (or Shift and the arrows, then
    Enter) it tells onZoom that time. */
export function Series({ title, points, step, onZoom }: { title: string; points: Point[]; step: number; onZoom?: Zoom }) {
  const [at, setAt] = useState(-1)
  const moment = useMoment(step)
  const t = text.charts
  const sum = (of: (p: Point) => number) => points.reduce((n, p) => n + of(p), 0)
  const [ok, retried, failed] = [sum((p) => p.ok), sum((p) => p.retried), sum((p) => p.failed)]
  const [places, lines] = useMemo(() => {
    const [low, middle, high] = stack([points.map((p) => p.ok), points.map((p) => p.retried), points.map((p) => p.failed)])
    // The highest is drawn first, and what is below it covers it.
    return [points.map((p) => p.at), [
      { values: high!, layer: 'failed' as const, colour: 'failed' as const },
      { values: middle!, layer: 'retried' as const, colour: 'retried' as const },
      { values: low!, layer: 'ok' as const, colour: 'ok' as const },
    ]]
  }, [points])
  const summary = t.seriesSummary(ok + retried + failed, shareOf(ok, retried + failed), failed)
  const here = points[at]
  return (
    <Figure
      title={title}
      empty={all({ ok, retried, failed } as Point) === 0 && t.noTrafficYet}
      legend={<><span><Swatch layer="ok" />{t.ok}</span><span><Swatch layer="retried" />{t.retried}</span><span><Swatch layer="failed" />{t.failed}</span></>}
      table={() => ({ columns: [t.from, t.ok, t.retried, t.failed], rows: points.map((p) => [moment(p.at), t.number(p.ok), t.number(p.retried), t.number(p.failed)]) })}
    >
      <Suspense fallback={<div className="plot" />}>
        <Plot label={`${summary} ${onZoom ? t.keysZoom : t.keys}`} at={places} step={step} lines={lines} format={t.compact} onCursor={setAt} onZoom={zoomTo(points, step, onZoom)} />
      </Suspense>
      <Readout words={here ? t.seriesAt(moment(here.at), here.ok, here.retried, here.failed) : summary} />
    </Figure>
  )
}

/** Latency is how long answers took: the middle one, and those that only 5 and 1 of a hundred exceed. */
export function Latency({ title, points, step, onZoom }: { title: string; points: Point[]; step: number; onZoom?: Zoom }) {
  const [at, setAt] = useState(-1)
  const [log, setLog] = useState(false)
  const moment = useMoment(step)
  const t = text.charts
  const [places, lines] = useMemo(() => [points.map((p) => p.at), [
    { values: points.map((p) => p.p50), colour: 'ok' as const },
    { values: points.map((p) => p.p95), colour: 'slow' as const, dash: [7, 3] },
    { values: points.map((p) => p.p99), colour: 'failed' as const, dash: [2, 2] },
  ]], [points])
  const worst = points.reduce<Point | undefined>((w, p) => (p.p95 !== null && p.p95 > (w?.p95 ?? -1) ? p : w), undefined)
  const summary = worst ? t.latencySummary(worst.p95, moment(worst.at)) : t.noTimes
  const here = points[at]
  return (
    <Figure
      title={title}
      empty={!worst && t.noTimes}
      actions={<Button look="quiet" aria-pressed={log} icon={log ? 'check' : undefined} onPress={() => setLog(!log)}>{t.logScale}</Button>}
      legend={<><span><Dash colour="ok" />p50</span><span><Dash colour="slow" dash="7 3" />p95</span><span><Dash colour="failed" dash="2 2" />p99</span></>}
      table={() => ({ columns: [t.from, 'p50', 'p95', 'p99'], rows: points.map((p) => [moment(p.at), t.time(p.p50), t.time(p.p95), t.time(p.p99)]) })}
    >
      <Suspense fallback={<div className="plot" />}>
        <Plot label={`${summary} ${onZoom ? t.keysZoom : t.keys}`} at={places} step={step} lines={lines} log={log} format={t.time} onCursor={setAt} onZoom={zoomTo(points, step, onZoom)} />
      </Suspense>
      <Readout words={here ? t.latencyAt(moment(here.at), here.p50, here.p95, here.p99) : summary} />
    </Figure>
  )
}

function Dash({ colour, dash }: { colour: string; dash?: string }) {
  return <svg className="swatch" viewBox="0 0 18 10" aria-hidden="true"><path d="M0 5H18" stroke={`var(--chart-${colour})`} strokeWidth="2" strokeDasharray={dash} /></svg>
}
