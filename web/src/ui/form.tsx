import { useState, type FormEvent, type ReactNode } from 'react'
import { ApiError } from '../api/client'
import { text } from '../text'
import { wordsOf } from './toast'

/** ErrorAt is what was refused of a field, by its place in the body: errorAt('oauth2.tokenUrl'). */
export type ErrorAt = (field: string) => string | undefined

/** Form sends its fields, once at a time. What the server refuses stands at the field that asks for it with errorAt; what no
    field asks for stands above the footer. */
export function Form({ className = 'stack', draft, onSave, noValidate, footer, children }: {
  className?: string
  /** draft is what the form edits, where that stays open after a save. */
  draft?: { saving: (save: () => Promise<unknown>) => Promise<void> }
  onSave: () => Promise<unknown>
  /** noValidate leaves the judgement of the fields to the server. */
  noValidate?: boolean
  footer: (busy: boolean) => ReactNode
  children: (errorAt: ErrorAt) => ReactNode
}) {
  const [problem, setProblem] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const fields = problem instanceof ApiError ? problem.fields : []
  const shown = new Set<string>()
  const errorAt = (field: string) => {
    const found = fields.find((f) => f.path === field || f.path.startsWith(`${field}.`))
    if (found) shown.add(found.path)
    return found?.message
  }
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    if (busy) return
    setBusy(true)
    setProblem(null)
    try {
      await (draft ? draft.saving(onSave) : onSave())
    } catch (error) {
      setProblem(error)
    } finally {
      setBusy(false)
    }
  }
  const inside = children(errorAt)
  const isElsewhere = problem !== null && !(fields.length > 0 && fields.every((f) => shown.has(f.path)))
  return (
    <form className={className} onSubmit={submit} noValidate={noValidate}>
      {inside}
      {isElsewhere && <div className="note bad" role="alert">{wordsOf(problem)}</div>}
      {footer(busy)}
    </form>
  )
}

/** Unsaved says beside the button of a form that something was typed which is not saved. */
export function Unsaved({ draft }: { draft: { isChanged: boolean } }) {
  return <span className="muted" role="status">{draft.isChanged && text.common.unsaved}</span>
}
