import { useState, type FormEvent, type ReactNode } from 'react'
import { ApiError } from '../../api/client'
import { text } from '../../text'
import { Button, toast, wordsOf } from '../../ui'

/** Form is a card with fields and a button that saves. What the server refuses stands at its field, and what has no field above the button. */
export function Form({ title, help, isChanged, may, onSave, extra, children }: {
  title: string
  help?: ReactNode
  isChanged: boolean
  /** may is false for who may only look: there is no button then. */
  may: boolean
  onSave: () => Promise<unknown>
  extra?: ReactNode
  children: (errorAt: (field: string) => string | undefined) => ReactNode
}) {
  const [problem, setProblem] = useState<unknown>(null)
  const [isBusy, setBusy] = useState(false)
  const fields = problem instanceof ApiError ? problem.fields : []
  const shown = new Set<string>()
  const errorAt = (field: string) => {
    const found = fields.find((f) => f.path === field || f.path.startsWith(`${field}.`))
    if (found) shown.add(found.path)
    return found?.message
  }
  const save = async (e: FormEvent) => {
    e.preventDefault()
    if (isBusy) return
    setBusy(true)
    setProblem(null)
    try {
      await onSave()
      toast(text.endpoint.saved)
    } catch (error) {
      setProblem(error)
    } finally {
      setBusy(false)
    }
  }
  const inside = children(errorAt)
  return (
    <form className="card stack" onSubmit={save} noValidate>
      <h2>{title}</h2>
      {help && <p className="muted">{help}</p>}
      {inside}
      {problem !== null && !(fields.length > 0 && fields.every((f) => shown.has(f.path))) && <div className="note bad" role="alert">{wordsOf(problem)}</div>}
      {may && <div className="row"><Button look="primary" type="submit" busy={isBusy} disabled={!isChanged}>{text.common.save}</Button>{extra}</div>}
    </form>
  )
}
