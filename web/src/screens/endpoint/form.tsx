import type { ReactNode } from 'react'
import { text } from '../../text'
import { Button, Form as Fields, toast, Unsaved, type Draft, type ErrorAt } from '../../ui'

/** Form is a card with fields and a button that saves. */
export function Form<T extends object>({ title, help, draft, may, onSave, extra, children }: {
  title: string
  help?: ReactNode
  draft: Draft<T>
  /** may is false for who may only look: there is no button then. */
  may: boolean
  onSave: () => Promise<unknown>
  extra?: ReactNode
  children: (errorAt: ErrorAt) => ReactNode
}) {
  const save = async () => {
    await onSave()
    toast(text.endpoint.saved)
  }
  return (
    <Fields className="card stack" noValidate draft={draft} onSave={save} footer={(busy) => may && <div className="row"><Button look="primary" type="submit" busy={busy} disabled={!draft.isChanged}>{text.common.save}</Button>{extra}<Unsaved draft={draft} /></div>}>
      {(errorAt) => <><h2>{title}</h2>{help && <p className="muted">{help}</p>}{children(errorAt)}</>}
    </Fields>
  )
}
