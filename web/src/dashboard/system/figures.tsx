import type { ReactNode } from 'react'
import './system.css'

/** Figures are numbers with their names. */
export function Figures({ of }: { of: { name: string; value: ReactNode; note?: ReactNode }[] }) {
  return (
    <dl className="system-figures">
      {of.map((f) => (
        <div className="card" key={f.name}>
          <dt>{f.name}</dt>
          <dd className="value">{f.value}</dd>
          {f.note && <dd className="muted small">{f.note}</dd>}
        </div>
      ))}
    </dl>
  )
}
