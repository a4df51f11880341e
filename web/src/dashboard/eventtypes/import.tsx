import { useState } from 'react'
import { client, type Shapes } from '../../api/client'
import { Changes } from '../../screens/eventtype/changes'
import { compare, type Change } from '../../screens/eventtype/compare'
import { plain, readType } from '../../screens/eventtype/type'
import { text } from '../../text/dashboard'
import { Button, Chip, Dialog, Switch, TextArea, toast, wordsOf } from '../../ui'

type Found = Shapes['EventTypeFromOpenAPI'] & { changes?: Change[] }

// How many types a preview compares in full.
const most = 30

/** ImportDialog takes an OpenAPI document; it says what would change before anything does. */
export function ImportDialog({ onClose }: { onClose: () => void }) {
  const t = text.eventTypes
  const [source, setSource] = useState('')
  const [replaceAll, setReplaceAll] = useState(false)
  const [found, setFound] = useState<Found[] | null>(null)
  const [problem, setProblem] = useState('')
  const ask = async (dryRun: boolean) => (await client.POST('/api/v1/event-type/import/openapi', { body: { specRaw: source, replaceAll, dryRun } })).data!.data
  const guard = (f: () => Promise<void>) => async () => {
    setProblem('')
    try {
      await f()
    } catch (e) {
      setProblem(wordsOf(e))
    }
  }
  const preview = guard(async () => {
    const list: Found[] = (await ask(true)).to_modify ?? []
    const touched = list.filter((f) => f.change === 'update' && f.fields?.includes('schemas')).slice(0, most)
    await Promise.all(touched.map(async (f) => {
      const now = readType((await client.GET('/api/v1/event-type/{event_type_name}', { params: { path: { event_type_name: f.name } }, parseAs: 'text' })).data!)
      const next = Object.values((f.schemas ?? {}) as Record<string, unknown>).at(-1)
      if (now.versions[0] && next !== undefined) f.changes = compare(plain(now.versions[0].text), next)
    }))
    setFound(list)
  })
  const run = guard(async () => {
    const done = await ask(false)
    toast(t.imported((done.modified ?? []).length))
    onClose()
  })
  const change = (v: string) => { setSource(v); setFound(null) }
  return (
    <Dialog open wide onClose={onClose} title={t.importTitle} footer={<>
      <Button onPress={onClose}>{text.common.cancel}</Button>
      {found === null || found.length === 0 ? <Button look="primary" onPress={preview}>{t.preview}</Button> : <Button look="primary" onPress={run}>{t.importThese(found.length)}</Button>}
    </>}>
      <TextArea label={t.document} help={t.documentHelp} error={problem} rows={10} spellCheck={false} className="input mono" value={source} onValue={change} />
      <label className="field"><span className="label">{t.file}</span><input type="file" accept=".json,.yaml,.yml" onChange={async (e) => change(await e.target.files?.[0]?.text() ?? '')} /></label>
      <Switch label={t.replaceAll} help={t.replaceAllHelp} checked={replaceAll} onValue={(v) => { setReplaceAll(v); setFound(null) }} />
      {found && (
        <section className="stack tight" aria-live="polite">
          <h3>{found.length ? t.wouldChange(found.length) : t.nothingChanges}</h3>
          {found.map((f) => (
            <div key={f.name} className="stack tight">
              <div className="row"><Chip tone={f.change === 'create' ? 'ok' : f.change === 'update' ? 'accent' : 'warn'}>{(t.importKinds as Record<string, string>)[f.change] ?? f.change}</Chip><code>{f.name}</code><span className="muted">{(f.fields ?? []).join(', ')}</span></div>
              {f.changes && <Changes changes={f.changes} label={f.name} />}
            </div>
          ))}
        </section>
      )}
    </Dialog>
  )
}
