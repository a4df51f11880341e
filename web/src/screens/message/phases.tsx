import { text } from '../../text'
import { milliseconds } from '../../text/format'
import type { Attempt } from './data'
import { phasesOf } from './timeline'
import './waterfall.css'

/** PhaseBar splits the time of an attempt; each part has its word and its time below. */
export function PhaseBar({ attempt }: { attempt: Attempt }) {
  const t = text.message
  const parts = phasesOf(attempt)
  if (parts.length === 0) return <p className="muted small">{t.noPhases}</p>
  const total = parts.reduce((sum, p) => sum + p.ms, 0)
  return (
    <div className="phases">
      <div className="phases-bar" aria-hidden="true">{parts.map((p) => <span key={p.phase} className={`phase-${p.phase}`} style={{ flexGrow: p.ms / total }} />)}</div>
      <ul className="plain row small">
        {parts.map((p) => <li key={p.phase}><span className={`phase-mark phase-${p.phase}`} aria-hidden="true" /> {t.phase[p.phase]} <strong>{milliseconds(p.ms)}</strong></li>)}
        {attempt.hookloft?.timings.reused && <li className="muted">{t.reused}</li>}
      </ul>
    </div>
  )
}
