// What an application is called, and how fast it is sent to.
import { useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import { ApiError, client, type Shapes } from '../api/client'
import { useViewer } from '../api/viewer'
import { text } from '../text/dashboard'
import { Button, Confirm, Input, toast, useGo, wordsOf } from '../ui'
import { MetadataField, metadataOf, pairsOf } from './metadata-field'

type App = Shapes['ApplicationOut']

export function ApplicationSettings({ app, onSaved }: { app: App; onSaved: () => unknown }) {
  const viewer = useViewer()
  const mayWrite = viewer.owns('app:write')
  const [name, setName] = useState(app.name)
  const [uid, setUID] = useState(app.uid ?? '')
  const [rate, setRate] = useState(app.throttleRate === null ? '' : String(app.throttleRate))
  const [metadata, setMetadata] = useState(pairsOf(app.metadata))
  const [problem, setProblem] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const t = text.applications
  const of = (path: string) => problem instanceof ApiError ? problem.fields.find((f) => f.path === path)?.message : undefined
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    if (busy) return
    setBusy(true)
    setProblem(undefined)
    try {
      await client.PUT('/api/v1/app/{app_id}', {
        params: { path: { app_id: app.id } },
        body: { name, uid: uid || null, throttleRate: rate ? Number(rate) : null, metadata: metadataOf(metadata) },
      })
      toast(t.saved)
      await onSaved()
    } catch (error) {
      setProblem(error)
    } finally {
      setBusy(false)
    }
  }
  const elsewhere = problem !== undefined && !['name', 'uid', 'throttleRate', 'metadata'].some(of)
  return (
    <div className="stack narrow">
      <form className="card stack" onSubmit={submit}>
        <fieldset className="bare stack" disabled={!mayWrite}>
          <legend className="sr-only">{t.settings}</legend>
          <Input label={t.name} error={of('name')} required value={name} onValue={setName} />
          <Input label={t.uid} help={t.uidHelp} error={of('uid')} value={uid} onValue={setUID} />
          <Input label={t.throttle} help={t.throttleHelp} error={of('throttleRate')} type="number" min={1} max={65535} value={rate} onValue={setRate} />
          <MetadataField value={metadata} onValue={setMetadata} error={of('metadata')} />
          {elsewhere && <div className="note bad" role="alert">{wordsOf(problem)}</div>}
          {mayWrite && <div className="row"><Button look="primary" type="submit" busy={busy}>{text.common.save}</Button></div>}
        </fieldset>
      </form>
      {viewer.owns('app:write') && <DeleteApplication app={app} />}
    </div>
  )
}

function DeleteApplication({ app }: { app: App }) {
  const [open, setOpen] = useState(false)
  const [typed, setTyped] = useState('')
  const queries = useQueryClient()
  const go = useGo()
  const t = text.applications
  const word = app.name || app.id
  const remove = async () => {
    if (typed !== word) throw new Error(t.typeToDelete(word))
    await client.DELETE('/api/v1/app/{app_id}', { params: { path: { app_id: app.id } } })
    toast(t.deleted)
    go('/apps')
    await queries.invalidateQueries({ queryKey: ['list', 'apps'] })
  }
  return (
    <section className="card stack">
      <h2>{t.deleteTitle}</h2>
      <p className="muted">{t.deleteHelp}</p>
      <div className="row"><Button look="danger" onPress={() => setOpen(true)}>{t.deleteAction}</Button></div>
      <Confirm open={open} onClose={() => setOpen(false)} title={t.deleteTitle} action={t.deleteAction} danger onConfirm={remove}>
        <p>{t.deleteHelp}</p>
        <Input label={t.typeToDelete(word)} autoComplete="off" value={typed} onValue={setTyped} />
      </Confirm>
    </section>
  )
}
