import { useState } from 'react'
import { client, type OwnShapes } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { Button, Confirm, Input, Select, Switch, toast, useDraft } from '../../ui'
import { useChanged, type Place } from './data'
import { Form } from './form'

type Saved = OwnShapes['EndpointOrderInOut'] | null

const fields = ['key', 'skipAfter', 'batchSize', 'maxWaitSecs'] as const

/** Order is whether messages go one after another, and what is done with a line that stands still. */
export function Order({ place, saved }: { place: Place; saved: Saved }) {
  const may = useViewer().may('ManageEndpoint')
  const changed = useChanged(place)
  const before = {
    how: saved ? 'line' : 'none', key: saved?.key ?? '', lines: saved?.lines ?? false,
    skipAfter: saved?.skipAfter ? String(saved.skipAfter) : '', batchSize: saved?.batchSize ? String(saved.batchSize) : '', maxWaitSecs: saved?.maxWaitSecs ? String(saved.maxWaitSecs) : '',
  }
  const draft = useDraft(before)
  const { now, set } = draft
  const t = text.endpoint.order
  const path = { params: { path: place } }
  const isLine = now.how === 'line'
  const save = async () => {
    if (!isLine) await client.DELETE('/x/v1/app/{app_id}/endpoint/{endpoint_id}/order', path)
    else {
      const body = { key: now.key.trim(), skipAfter: Number(now.skipAfter), batchSize: Number(now.batchSize), maxWaitSecs: Number(now.maxWaitSecs), lines: now.lines }
      await client.PUT('/x/v1/app/{app_id}/endpoint/{endpoint_id}/order', { ...path, body })
    }
    await changed()
  }
  return (
    <Form title={t.title} help={t.help} may={may} draft={draft} onSave={save} extra={saved && <Head place={place} />}>
      {(errorAt) => (
        <>
          <Select label={t.how} value={now.how} onValue={(how) => set({ how })} disabled={!may} options={[['none', t.none], ['line', t.line]]} />
          {isLine && (
            <>
              <div className="grid">
                {fields.map((f) => (
                  <Input key={f} label={t.fields[f]} help={t.fieldHelp[f]} type={f === 'key' ? 'text' : 'number'} min={0} value={now[f]} onValue={(v) => set({ [f]: v })} error={errorAt(f)} readOnly={!may} spellCheck={false} />
                ))}
              </div>
              <Switch label={t.lines} help={errorAt('lines') ?? t.linesHelp} checked={now.lines} onValue={(lines) => set({ lines })} disabled={!may} />
            </>
          )}
        </>
      )}
    </Form>
  )
}

// Head is what a person does when the first of a line is in the way of all others.
function Head({ place }: { place: Place }) {
  const [isAsking, setAsking] = useState(false)
  const changed = useChanged(place)
  const t = text.endpoint.order
  const path = { params: { path: place } }
  const retry = async () => {
    await client.POST('/x/v1/app/{app_id}/endpoint/{endpoint_id}/order/retry', path)
    toast(t.retried)
  }
  const skip = async () => {
    await client.POST('/x/v1/app/{app_id}/endpoint/{endpoint_id}/order/skip', path)
    toast(t.skipped)
    await changed()
  }
  return (
    <>
      <Button icon="replay" title={t.retryHelp} onPress={retry}>{t.retry}</Button>
      <Button onPress={() => setAsking(true)}>{t.skip}</Button>
      <Confirm open={isAsking} onClose={() => setAsking(false)} title={t.skip} action={t.skipNow} danger onConfirm={skip}><p>{t.skipHelp}</p></Confirm>
    </>
  )
}
