import { useId } from 'react'
import { text } from '../text'
import { Patterns } from './patterns'
import { shareOf } from './point'
import { bars } from './scale'

const width = 104
const height = 24

/** Sparkline is a row's last day, as a picture that a table has room for: a bar for each period, what failed on top of what succeeded.
    max is a common scale for the sparklines of a list. */
export function Sparkline({ columns, max, unit = text.charts.attempts }: { columns: { ok: number; failed: number }[]; max?: number; unit?: (n: number) => string }) {
  const id = useId()
  const ok = columns.reduce((n, c) => n + c.ok, 0)
  const failed = columns.reduce((n, c) => n + c.failed, 0)
  const words = text.charts.shareOfCount(shareOf(ok, failed), unit(ok + failed))
  const drawn = bars(columns, width, height - 1, max)
  return (
    <svg className="sparkline" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={words}>
      <title>{words}</title>
      <Patterns id={id} />
      <path className="sparkline-base" d={`M0 ${height - 0.5}H${width}`} />
      {drawn.map((b, i) => (
        <g key={i}>
          {b.ok > 0 && <rect className="chart-ok" x={b.x + 0.5} width={b.width - 1} y={height - 1 - b.ok} height={b.ok} />}
          {b.failed > 0 && <rect className="chart-failed" x={b.x + 0.5} width={b.width - 1} y={height - 1 - b.ok - b.failed} height={b.failed} />}
          {b.failed > 2 && <rect fill={`url(#${id}-failed)`} x={b.x + 0.5} width={b.width - 1} y={height - 1 - b.ok - b.failed} height={b.failed} />}
        </g>
      ))}
    </svg>
  )
}
