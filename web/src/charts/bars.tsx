import type { ReactNode } from 'react'
import { text } from '../text'
import './charts.css'
import { Figure } from './figure'

/** Bars are a table already: a name, a bar beside it, and the number. So there is no other view of them. */
export function Bars({ title, rows, empty, idle, heading: Heading = 'h2' }: {
  title: string
  rows: { key: string; label: ReactNode; count: number; idle?: boolean }[]
  empty: string
  /** idle draws all bars grey: what is counted is not a failure. */
  idle?: boolean
  heading?: 'h2' | 'h3'
}) {
  const most = Math.max(0, ...rows.map((r) => r.count))
  return (
    <section className="figure card">
      <Heading>{title}</Heading>
      {rows.length === 0 ? <div className="figure-empty">{empty}</div> : (
        <table className="bars" aria-label={title}>
          <tbody>
            {rows.map((r) => (
              <tr key={r.key}>
                <th scope="row">{r.label}</th>
                <td><div className={idle || r.idle ? 'bar idle' : 'bar'} style={{ inlineSize: `${most ? (100 * r.count) / most : 0}%` }} /></td>
                <td className="number">{text.charts.number(r.count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

/** QueueBars show a coming wave: how many deliveries wait, by when they are due. */
export function QueueBars({ title, columns, approximated }: { title: string; columns: { key: string; label: string; count: number }[]; approximated?: boolean }) {
  const t = text.charts
  const most = Math.max(0, ...columns.map((c) => c.count))
  const total = columns.reduce((n, c) => n + c.count, 0)
  const peak = columns.find((c) => c.count === most)
  const summary = total === 0 ? t.queueEmpty : t.queueSummary(total, peak?.label ?? '', approximated ?? false)
  return (
    <Figure title={title} empty={total === 0 && t.queueEmpty} table={() => ({ columns: [t.due, t.waiting], rows: columns.map((c) => [c.label, t.number(c.count)]) })}>
      <div className="columns" role="img" aria-label={summary}>
        {columns.map((c) => (
          <div key={c.key} title={`${c.label}: ${t.number(c.count)}`}>
            <span>{t.number(c.count)}</span>
            <div className="column" style={{ blockSize: `${most ? (70 * c.count) / most : 0}%` }} />
            <span className="word">{c.label}</span>
          </div>
        ))}
      </div>
    </Figure>
  )
}
