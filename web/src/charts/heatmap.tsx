import { useEffect, useId, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react'
import { text } from '../text'
import { Figure, Readout, type TableView } from './figure'
import { Patterns } from './patterns'
import { level, move } from './scale'

export type HeatRow = { key: string; label: string; cells: (number | null)[] }

const rowHeight = 18

/** HeatMap is rows by columns of shades: the more of it, the darker; a hatched cell had no traffic. It is one stop of the
    Tab key, inside which the arrows move. */
export function HeatMap({ title, summary, rows, columns, words, colour = 'failures', labels = 9, table, empty, onPress, heading }: {
  title: string
  summary: string
  rows: HeatRow[]
  /** columns are the words below; as many as have room are written. */
  columns: string[]
  /** words says what a cell means. */
  words: (row: number, column: number) => string
  /** colour says what is dark: much that failed, or many answers. */
  colour?: 'failures' | 'slow'
  /** labels is how wide the words at the rows are, in em. */
  labels?: number
  table: () => TableView
  empty?: string | false
  onPress?: (row: number, column: number) => void
  heading?: 'h2' | 'h3'
}) {
  const [at, setAt] = useState<[number, number] | null>(null)
  const [width, setWidth] = useState(640)
  const box = useRef<HTMLDivElement>(null)
  const id = useId()
  useEffect(() => {
    if (!box.current) return
    const seen = new ResizeObserver(([e]) => setWidth(Math.max(200, Math.round(e!.contentRect.width))))
    seen.observe(box.current)
    return () => seen.disconnect()
    // The box is there or not with empty and the table; observing again costs nothing.
  })
  const left = Math.min(labels * 7.5, width * 0.35)
  const cell = columns.length ? (width - left) / columns.length : 0
  const height = rows.length * rowHeight + 18
  const every = Math.max(1, Math.ceil(112 / Math.max(cell, 0.1)))
  const onKey = (e: KeyboardEvent) => {
    const [row, column] = at ?? [0, columns.length - 1]
    if (e.key === 'Enter' && at) return onPress?.(row, column)
    const vertical = { ArrowUp: row - 1, ArrowDown: row + 1 }[e.key]
    const next = vertical === undefined ? move(column, e.key, columns.length) : column
    if (next === undefined) return
    e.preventDefault()
    setAt([Math.max(0, Math.min(rows.length - 1, vertical ?? row)), next])
  }
  const under = (e: PointerEvent<SVGSVGElement>): [number, number] | null => {
    const place = e.currentTarget.getBoundingClientRect()
    const column = Math.floor((((e.clientX - place.left) / place.width) * width - left) / cell)
    const row = Math.floor((e.clientY - place.top) / rowHeight)
    return column >= 0 && column < columns.length && row >= 0 && row < rows.length ? [row, column] : null
  }
  return (
    <Figure title={title} table={table} empty={empty} heading={heading}>
      <div
        ref={box}
        className="figure-area"
        tabIndex={0}
        role="group"
        aria-roledescription={text.charts.chart}
        aria-label={`${summary} ${onPress ? text.charts.keysPress : text.charts.keys}`}
        onKeyDown={onKey}
        onFocus={() => setAt((a) => a ?? [0, columns.length - 1])}
        onBlur={() => setAt(null)}
      >
        <svg
          className={['heat', colour, onPress && 'press'].filter(Boolean).join(' ')}
          viewBox={`0 0 ${width} ${height}`}
          height={height}
          aria-hidden="true"
          onPointerMove={(e) => setAt(under(e))}
          onPointerLeave={() => setAt(null)}
          onClick={() => at && onPress?.(...at)}
        >
          <Patterns id={id} />
          {rows.map((row, y) => (
            <g key={row.key}>
              <text x={left - 6} y={y * rowHeight + 13} textAnchor="end">{short(row.label, Math.floor((left - 8) / 6.4))}</text>
              {row.cells.map((value, x) => (
                <rect key={x} className={value === null ? 'l0' : `cell l${level(value)}`} style={value === null ? { fill: `url(#${id}-none)` } : undefined} x={left + x * cell} y={y * rowHeight} width={Math.max(0.5, cell)} height={rowHeight - 1} />
              ))}
            </g>
          ))}
          {columns.map((c, x) => x % every === 0 && x * cell < width - left - 90 && <text key={x} x={left + x * cell} y={rows.length * rowHeight + 14}>{c}</text>)}
          {at && <rect className="at" x={left + at[1] * cell} y={at[0] * rowHeight} width={cell} height={rowHeight - 1} />}
        </svg>
      </div>
      <Readout words={at ? words(...at) : ''} />
    </Figure>
  )
}

// short keeps the begin and the end, in which URLs of one host differ.
const short = (words: string, most: number) => (words.length <= most ? words : `${words.slice(0, Math.ceil(most * 0.45))}…${words.slice(-Math.floor(most * 0.45))}`)
