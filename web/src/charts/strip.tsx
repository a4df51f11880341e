import { useRef, useState, type KeyboardEvent } from 'react'
import { text } from '../text'
import { Figure, Readout } from './figure'
import { all, shareOf, type Point } from './point'
import { healthOf, move, regroup } from './scale'
import { useMoment } from './moment'

/** Strip is a status page's row: a cell for each period, at most 90. What is pressed is told to onPress, with its begin and its end. */
export function Strip({ title, points, step, onPress }: { title: string; points: Point[]; step: number; onPress?: (since: Date, until: Date) => void }) {
  const [at, setAt] = useState(-1)
  const box = useRef<HTMLDivElement>(null)
  const moment = useMoment(step)
  const cells = regroup(points, 90)
  const length = points.length ? step * Math.max(1, Math.ceil(points.length / 90)) : step
  const t = text.charts
  const words = (p: Point) => `${moment(p.at)}: ${all(p) === 0 ? t.noTraffic : t.shareOfCount(shareOf(p.ok, p.retried + p.failed), t.attempts(all(p)))}`
  const bad = cells.filter((c) => healthOf(c) !== 'ok' && healthOf(c) !== 'none').length
  const ok = points.reduce((n, p) => n + p.ok, 0)
  const tried = points.reduce((n, p) => n + all(p), 0)
  const summary = t.stripSummary(cells.length, bad, shareOf(ok, tried - ok))
  const last = Math.max(0, cells.length - 1)
  const onKey = (e: KeyboardEvent) => {
    const next = move(at < 0 ? last : at, e.key, cells.length)
    if (next === undefined) return
    e.preventDefault()
    box.current?.querySelectorAll('button')[next]?.focus()
  }
  return (
    <Figure title={title} empty={tried === 0 && t.noTrafficYet} table={() => ({
      columns: [t.from, t.succeeded, t.attemptsHead, t.state],
      rows: cells.map((c) => [moment(c.at), t.share(shareOf(c.ok, c.retried + c.failed)), t.number(all(c)), t.health[healthOf(c)]]),
    })}>
      <div ref={box} className="strip" role="group" aria-label={summary} onKeyDown={onKey} onMouseLeave={() => setAt(-1)}>
        {cells.map((c, i) => (
          <button
            key={c.at}
            type="button"
            className={healthOf(c)}
            tabIndex={i === (at < 0 ? last : at) ? 0 : -1}
            aria-label={`${words(c)}, ${t.health[healthOf(c)]}`}
            onFocus={() => setAt(i)}
            onMouseEnter={() => setAt(i)}
            onClick={() => onPress?.(new Date(c.at), new Date(c.at + length))}
          />
        ))}
      </div>
      <Readout quiet words={cells[at] ? `${words(cells[at])} · ${t.health[healthOf(cells[at])]}` : summary} />
    </Figure>
  )
}
