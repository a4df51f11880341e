// The environment as a file, and what a file would change.
import { useState } from 'react'
import { client, type OwnShapes } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { Button, Chip, download, TextArea, toast, wordsOf } from '../../ui'
import { Frame } from './frame'

type Change = { name: string; change: string; fields: string[] | null }

export function Transfer() {
  const t = text.settings
  const { owns } = useViewer()
  const [source, setSource] = useState('')
  const [found, setFound] = useState<OwnShapes['EnvironmentImportOut'] | null>(null)
  const [problem, setProblem] = useState('')
  const save = async () => {
    const { data } = await client.POST('/api/v1/environment/export', { parseAs: 'text' })
    download('environment.json', data!)
  }
  const ask = (dryRun: boolean) => async () => {
    setProblem('')
    try {
      const { data } = await client.POST('/x/v1/environment/import', {
        params: { query: { dry_run: dryRun } }, body: {}, bodySerializer: () => source, headers: { 'Content-Type': 'application/json' },
      })
      setFound(dryRun ? data! : null)
      if (!dryRun) toast(t.importDone)
    } catch (e) {
      setProblem(wordsOf(e))
    }
  }
  const change = (v: string) => { setSource(v); setFound(null) }
  const nothing = found && !found.settings?.length && !found.eventTypes?.length && !found.connectors?.length
  return (
    <Frame title={t.transfer}>
      <section className="card stack"><h2>{t.exportTitle}</h2><p>{t.exportHelp}</p><div><Button icon="download" onPress={save}>{t.exportFile}</Button></div></section>
      {owns('settings:write') && (
        <section className="card stack">
          <h2>{t.importTitle}</h2>
          <label className="field"><span className="label">{t.importFile}</span><input type="file" accept=".json,application/json" onChange={async (e) => change(await e.target.files?.[0]?.text() ?? '')} /></label>
          <TextArea label={t.importText} className="input mono" rows={8} spellCheck={false} error={problem} value={source} onValue={change} />
          <div className="row"><Button look={found && !nothing ? undefined : 'primary'} onPress={ask(true)}>{t.dryRun}</Button>{found && !nothing && <Button look="primary" onPress={ask(false)}>{t.importNow}</Button>}</div>
          {found && <div className="stack tight" role="status">
            {nothing && <div className="note">{t.nothingChanges}</div>}
            <Changes head={t.changedSettings} list={(found.settings ?? []).map((name) => ({ name, change: 'update', fields: null }))} />
            <Changes head={text.eventTypes.title} list={found.eventTypes ?? []} />
            <Changes head={t.connectors} list={found.connectors ?? []} />
            {(found.notTaken ?? []).length > 0 && <div className="note warn">{t.notTaken}{' '}{found.notTaken!.join(', ')}</div>}
          </div>}
        </section>
      )}
    </Frame>
  )
}

function Changes({ head, list }: { head: string; list: Change[] }) {
  if (list.length === 0) return null
  return (
    <section className="stack tight"><h3>{head}</h3>
      <ul className="plain stack tight">{list.map((c) => <li key={c.name} className="row"><Chip tone={c.change === 'create' ? 'ok' : c.change === 'update' ? 'accent' : 'warn'}>{(text.eventTypes.importKinds as Record<string, string>)[c.change] ?? c.change}</Chip><code>{c.name}</code><span className="muted">{(c.fields ?? []).join(', ')}</span></li>)}</ul>
    </section>
  )
}
