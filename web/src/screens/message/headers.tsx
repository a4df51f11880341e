import { text } from '../../text'
import { Chip, legible } from '../../ui'
import './message.css'

/** Headers is a table of names and values; withheld are names whose values nobody is shown. */
export function Headers({ label, pairs, withheld, whenNone }: { label: string; pairs: [string, string][] | undefined; withheld: string[]; whenNone: string }) {
  const t = text.message
  if (!pairs || pairs.length + withheld.length === 0) return <p className="muted">{whenNone}</p>
  return (
    <div className="table-wrap" role="region" aria-label={label} tabIndex={0}>
      <table className="table headers">
        <caption className="sr-only">{label}</caption>
        <thead className="sr-only"><tr><th scope="col">{t.headerName}</th><th scope="col">{t.headerValue}</th></tr></thead>
        <tbody>
          {pairs.map(([name, value], i) => <tr key={i}><th scope="row"><bdi>{legible(name)}</bdi></th><td><bdi>{legible(value)}</bdi></td></tr>)}
          {withheld.map((name) => <tr key={name}><th scope="row"><bdi>{legible(name)}</bdi></th><td><Chip tone="idle" icon="key">{t.withheld}</Chip></td></tr>)}
        </tbody>
      </table>
    </div>
  )
}
