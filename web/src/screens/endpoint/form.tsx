import type { ReactNode } from 'react'
import { text } from '../../text'
import { Button, Form as Fields, toast, type ErrorAt } from '../../ui'

/** Form is a card with fields and a button that saves. */
export function Form({ title, help, isChanged, may, onSave, extra, children }: {
  title: string
  help?: ReactNode
  isChanged: boolean
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
    <Fields className="card stack" noValidate onSave={save} footer={(busy) => may && <div className="row"><Button look="primary" type="submit" busy={busy} disabled={!isChanged}>{text.common.save}</Button>{extra}</div>}>
      {(errorAt) => <><h2>{title}</h2>{help && <p className="muted">{help}</p>}{children(errorAt)}</>}
    </Fields>
  )
}
