import { text } from '../../text/dashboard'
import { failing, type Route } from './routes'

const row = 52
const columns = [10, 250, 430, 620]
const widths = [190, 130, 140, 270]

/** Graph draws a source, what each route asks and changes, and its target: the wider a line, the more went along it in the last hour. */
export function Graph({ name, routes }: { name: string; routes: Route[] }) {
  const t = text.sources
  const height = routes.length * row + 16
  const middle = height / 2
  const words = t.graph(routes.length, routes.filter(failing).length, routes.filter((r) => r.disabled).length)
  return (
    <figure className="card source-graph">
      <svg viewBox={`0 0 900 ${height}`} role="img" aria-label={words} style={{ maxBlockSize: `${height}px` }}>
        {routes.map((r, i) => {
          const y = 8 + i * row + row / 2
          const look = r.disabled ? 'off' : failing(r) ? 'bad' : 'ok'
          const stops = [r.filter !== null && 1, r.transforms && 2, 3].filter((s): s is number => typeof s === 'number')
          const width = Math.min(9, 1.5 + Math.log10(1 + (r.sent ?? 0) + (r.failed ?? 0)) * 2)
          const from = [0, ...stops.slice(0, -1)]
          return (
            <g key={r.id} className={look}>
              {stops.map((to, n) => {
                const x1 = columns[from[n]!]! + widths[from[n]!]!, y1 = from[n] === 0 ? middle : y, x2 = columns[to]!
                const bend = Math.min(60, (x2 - x1) / 2)
                return <path key={to} d={`M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y} ${x2} ${y}`} strokeWidth={width} />
              })}
              {r.filter !== null && <Node column={1} y={y} words={t.filter} />}
              {r.transforms && <Node column={2} y={y} words={t.transformation} />}
              <Node column={3} y={y} words={r.url.replace(/^https?:\/\//, '')} mark={r.disabled ? '⏸' : failing(r) ? '⚠' : ''} />
            </g>
          )
        })}
        <Node column={0} y={middle} words={name} />
      </svg>
    </figure>
  )
}

function Node({ column, y, words, mark = '' }: { column: number; y: number; words: string; mark?: string }) {
  const room = Math.floor(widths[column]! / 8) - 2
  const shown = words.length > room ? `${words.slice(0, room - 1)}…` : words
  return (
    <g>
      <title>{words}</title>
      <rect x={columns[column]} y={y - 17} width={widths[column]} height="34" rx="6" />
      <text x={columns[column]! + 12} y={y + 5}>{mark && `${mark} `}{shown}</text>
    </g>
  )
}
