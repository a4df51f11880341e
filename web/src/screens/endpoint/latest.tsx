import { client, type OwnShapes } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { Input, Select, useDraft } from '../../ui'
import { useChanged, type Place } from './data'
import { Form } from './form'

/** Latest is whether of several messages that come close together only the last is sent. */
export function Latest({ place, saved }: { place: Place; saved: OwnShapes['EndpointLatestOut'] }) {
  const may = useViewer().may('ManageEndpoint')
  const changed = useChanged(place)
  const before = { how: saved.enabled ? 'last' : 'all', key: saved.key ?? '', window: String(saved.windowSeconds ?? 10) }
  const draft = useDraft(before)
  const { now, set } = draft
  const t = text.endpoint.latest
  const path = { params: { path: place } }
  const save = async () => {
    if (now.how === 'all') await client.DELETE('/x/v1/app/{app_id}/endpoint/{endpoint_id}/latest', path)
    else await client.PUT('/x/v1/app/{app_id}/endpoint/{endpoint_id}/latest', { ...path, body: { windowSeconds: Number(now.window), key: now.key.trim() || undefined } })
    await changed()
  }
  return (
    <Form title={t.title} help={t.help} may={may} draft={draft} onSave={save}>
      {(errorAt) => (
        <>
          <Select label={t.how} value={now.how} onValue={(how) => set({ how })} disabled={!may} options={[['all', t.all], ['last', t.last]]} />
          {now.how === 'last' && (
            <div className="grid">
              <Input label={t.window} help={t.windowHelp} type="number" min={1} max={3600} value={now.window} onValue={(window) => set({ window })} error={errorAt('windowSeconds')} readOnly={!may} />
              <Input label={t.key} help={t.keyHelp} value={now.key} onValue={(key) => set({ key })} error={errorAt('key')} readOnly={!may} spellCheck={false} />
            </div>
          )}
        </>
      )}
    </Form>
  )
}
