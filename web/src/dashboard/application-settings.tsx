// What an application is called, and how fast it is sent to.
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { client, type Shapes } from '../api/client'
import { useViewer } from '../api/viewer'
import { text } from '../text/dashboard'
import { Button, Confirm, Form, Input, toast, Unsaved, useDraft, useGo } from '../ui'
import { MetadataField, metadataOf, pairsOf, plainOf } from './metadata-field'

type App = Shapes['ApplicationOut']

export function ApplicationSettings({ app, onSaved }: { app: App; onSaved: () => unknown }) {
  const viewer = useViewer()
  const mayWrite = viewer.owns('app:write')
  const saved = { name: app.name, uid: app.uid ?? '', rate: app.throttleRate === null ? '' : String(app.throttleRate), metadata: pairsOf(app.metadata) }
  const draft = useDraft(saved, (d) => ({ ...d, metadata: plainOf(d.metadata) }))
  const { now: { name, uid, rate, metadata }, set } = draft
  const t = text.applications
  const save = async () => {
    await client.PUT('/api/v1/app/{app_id}', {
      params: { path: { app_id: app.id } },
      body: { name, uid: uid || null, throttleRate: rate ? Number(rate) : null, metadata: metadataOf(metadata) },
    })
    toast(t.saved)
    await onSaved()
  }
  return (
    <div className="stack narrow">
      <Form className="card stack" draft={draft} onSave={save} footer={(busy) => mayWrite && <div className="row"><Button look="primary" type="submit" busy={busy}>{text.common.save}</Button><Unsaved draft={draft} /></div>}>
        {(errorAt) => (
          <fieldset className="bare stack" disabled={!mayWrite}>
            <legend className="sr-only">{t.settings}</legend>
            <Input label={t.name} error={errorAt('name')} required value={name} onValue={(v) => set({ name: v })} />
            <Input label={t.uid} help={t.uidHelp} error={errorAt('uid')} value={uid} onValue={(v) => set({ uid: v })} />
            <Input label={t.throttle} help={t.throttleHelp} error={errorAt('throttleRate')} type="number" min={1} max={65535} value={rate} onValue={(v) => set({ rate: v })} />
            <MetadataField value={metadata} onValue={(v) => set({ metadata: v })} error={errorAt('metadata')} />
          </fieldset>
        )}
      </Form>
      {mayWrite && <DeleteApplication app={app} />}
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
