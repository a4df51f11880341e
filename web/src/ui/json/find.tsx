import type { ReactNode } from 'react'
import { text } from '../../text'
import { Button } from '../button'

/** FindBar is the search of a shown text: Enter goes to the next place, Shift+Enter to the one before. */
export function FindBar({ value, onValue, at, of, onStep, label, children }: {
  value: string
  onValue: (v: string) => void
  /** at is which of the places is in sight, from 0. */
  at: number
  of: number
  onStep: (by: 1 | -1) => void
  label: string
  children: ReactNode
}) {
  const t = text.json
  return (
    <div className="json-tools">
      <input
        className="input" type="search" aria-label={t.findIn(label)} placeholder={t.find} value={value}
        onChange={(e) => onValue(e.target.value)}
        onKeyDown={(e) => {
          if (e.key === 'Enter' && of > 0) onStep(e.shiftKey ? -1 : 1)
          if (e.key === 'Escape') onValue('')
        }}
      />
      <span className="muted small nowrap" role="status">{value && (of ? t.found(at + 1, of) : t.notFound)}</span>
      {of > 1 && <><Button look="quiet" icon="left" label={t.previous} onPress={() => onStep(-1)} /><Button look="quiet" icon="right" label={t.next} onPress={() => onStep(1)} /></>}
      <span className="json-gap" />
      {children}
    </div>
  )
}
