// The canvas under Series and Latency: loaded when the first of them is drawn.
import { useEffect, useRef, useState, type KeyboardEvent } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { locale } from '../text'
import { usePreference } from '../ui'
import { pattern, useColours, type Colours } from './colours'
import { move } from './scale'

export type Line = {
  values: (number | null)[]
  /** layer fills what is under the line; without it the line alone is drawn. */
  layer?: 'ok' | 'retried' | 'failed'
  colour: keyof Omit<Colours, 'forced'>
  dash?: number[]
}

export type PlotProps = {
  label: string
  /** at are the periods' begins in milliseconds. */
  at: number[]
  /** step is how long a period is, in milliseconds: the last one needs room, too. */
  step: number
  lines: Line[]
  log?: boolean
  format: (value: number) => string
  onCursor: (index: number) => void
  /** onZoom is told the first and the last period that were chosen. */
  onZoom?: (first: number, last: number) => void
}

export default function Plot({ label, at, step, lines, log, format, onCursor, onZoom }: PlotProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const colours = useColours()
  const [zone] = usePreference('zone')
  const [cursor, setCursor] = useState(-1)
  const anchor = useRef(-1)
  const told = useRef({ onCursor, onZoom, format, count: at.length })
  told.current = { onCursor, onZoom, format, count: at.length }
  const shape = lines.map((l) => l.layer ?? l.colour).join()
  const looks = useRef(lines)
  looks.current = lines

  // What is drawn new only when how it looks changes; numbers are handed over below.
  useEffect(() => {
    const element = box.current!
    const grid = { stroke: colours.grid, width: 1 }
    const axis = { stroke: colours.muted, grid, ticks: grid, font: `11px ${getComputedStyle(element).fontFamily}` }
    const drawn = new uPlot({
      width: element.clientWidth || 600,
      height: element.clientHeight || 220,
      legend: { show: false },
      padding: [8, 8, 0, 0],
      tzDate: zone === 'utc' ? (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') : undefined,
      scales: { x: { time: true, range: (_, min, max) => [min, Math.max(max, min + 1)] }, y: log ? { distr: 3 } : { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] } },
      axes: [{ ...axis, space: 74, values: (_, splits, __, ___, increment) => times(splits, increment, zone === 'utc' ? 'UTC' : undefined) }, { ...axis, size: 62, values: (_, ticks) => ticks.map((t) => (t === null ? '' : told.current.format(t))) }],
      cursor: { drag: { x: true, y: false, setScale: false }, points: { show: false }, y: false },
      series: [{}, ...looks.current.map((line): uPlot.Series => ({
        stroke: colours[line.colour],
        width: line.layer ? 1 : 2,
        dash: line.dash,
        fill: line.layer && ((u) => pattern(u.ctx, line.layer!, colours) as string),
        // A value between two periods without any has no line: it is a dot.
        points: { show: !line.layer, size: 5, filter: (u, i) => lonely(u.data[i]!) },
        paths: line.layer ? uPlot.paths.stepped!({ align: 1 }) : undefined,
      }))],
      hooks: {
        setCursor: [(u) => told.current.onCursor(Math.min(u.cursor.idx ?? -1, told.current.count - 1))],
        setSelect: [(u) => {
          if (u.select.width < 4 || !u.cursor.event) return
          const last = told.current.count - 1
          const first = Math.max(0, u.posToIdx(u.select.left))
          const end = Math.min(last, u.posToIdx(u.select.left + u.select.width))
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          if (end > first) told.current.onZoom?.(first, end)
        }],
      },
    }, undefined, element)
    plot.current = drawn
    const size = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: element.clientHeight }))
    size.observe(element)
    return () => {
      size.disconnect()
      drawn.destroy()
      plot.current = undefined
    }
  }, [colours, zone, log, shape])

  useEffect(() => {
    // A logarithm has no place for 0; there is no time that took none.
    const fit = (v: number | null) => (v === null || (log && v <= 0) ? null : v)
    const places = at.map((ms) => ms / 1000)
    if (at.length > 0) places.push((at[at.length - 1]! + step) / 1000)
    plot.current?.setData([places, ...lines.map((l) => [...l.values.map(fit), ...(at.length > 0 ? [l.layer ? l.values[at.length - 1]! : null] : [])])])
  }, [at, step, lines, colours, zone, log, shape])

  const onKey = (e: KeyboardEvent) => {
    const u = plot.current
    if (!u) return
    if (e.key === 'Escape' || e.key === 'Enter') {
      const [first, last] = [Math.min(anchor.current, cursor), Math.max(anchor.current, cursor)]
      anchor.current = -1
      u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
      if (e.key === 'Enter' && first >= 0 && last > first) onZoom?.(first, last)
      return
    }
    const next = move(cursor, e.key, at.length)
    if (next === undefined) return
    e.preventDefault()
    if (e.shiftKey && anchor.current < 0) anchor.current = Math.max(0, cursor)
    if (!e.shiftKey) anchor.current = -1
    setCursor(next)
    const left = (i: number) => u.valToPos(at[i]! / 1000, 'x')
    u.setCursor({ left: left(next), top: 10 })
    const [from, to] = anchor.current < 0 ? [0, 0] : [left(Math.min(anchor.current, next)), left(Math.max(anchor.current, next))]
    u.setSelect({ left: from, top: 0, width: to - from, height: u.over.clientHeight }, false)
    onCursor(next)
  }
  return <div ref={box} className="figure-area plot" role="group" aria-label={label} tabIndex={0} onKeyDown={onKey} onBlur={() => { setCursor(-1); onCursor(-1) }} />
}

// lonely are the places of values without a neighbour.
const lonely = (values: ArrayLike<number | null | undefined>): number[] => {
  const out: number[] = []
  for (let i = 0; i < values.length; i++) if (values[i] != null && values[i - 1] == null && values[i + 1] == null) out.push(i)
  return out
}

// times are an axis' words: the hour, and below it the day where one begins.
function times(splits: number[], increment: number, zone: string | undefined): string[] {
  const day = new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric', timeZone: zone })
  if (increment >= 86_400) return splits.map((s) => day.format(s * 1000))
  const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', timeZone: zone })
  let before = ''
  return splits.map((s) => {
    const date = day.format(s * 1000)
    const words = date === before ? clock.format(s * 1000) : `${clock.format(s * 1000)}\n${date}`
    before = date
    return words
  })
}
