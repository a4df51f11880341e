import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { client, type OwnShapes } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { Button, CodeEditor, toast, Unsaved, useDraft, useSearch, wordsOf } from '../../ui'
import { Answer, Basics, Duplicates, Limits } from './forms'
import type { Source, SourceSettings } from './source'
import { Verification } from './verification'

/** SourceSettingsPane sets what is set most in forms, and all of it as JSON. */
export function SourceSettingsPane({ now, source }: { now: SourceSettings; source: Source }) {
  const t = text.sources
  const [search, setSearch] = useSearch()
  const isJSON = search.view === 'json'
  return (
    <div className="stack" key={source.id}>
      <div><Button onPress={() => setSearch({ view: isJSON ? '' : 'json' })}>{isJSON ? t.showForms : t.showJSON}</Button></div>
      {isJSON ? <Whole now={now} id={source.id} /> : (
        <>
          <Basics source={source} />
          <Verification key={source.type} source={source} now={now} />
          <Answer id={source.id} now={now} />
          <Duplicates id={source.id} now={now} />
          <Limits id={source.id} now={now} />
        </>
      )}
    </div>
  )
}

const shownOnly = ['sourceId', 'applicationId', 'configured', 'verificationToken', 'provider']

// Whole is all settings as they are sent: the server names each wrong field.
function Whole({ now, id }: { now: SourceSettings; id: string }) {
  const t = text.sources
  const { owns } = useViewer()
  const queries = useQueryClient()
  const initial = JSON.stringify(Object.fromEntries(Object.entries(now).filter(([k]) => !shownOnly.includes(k))), null, 2)
  const draft = useDraft({ written: initial })
  const { written } = draft.now
  const [problem, setProblem] = useState('')
  const writes = owns('source:write')
  const save = async () => {
    setProblem('')
    try {
      await draft.saving(async () => {
        await client.PUT('/x/v1/source/{source_id}/settings', { params: { path: { source_id: id } }, body: {} as OwnShapes['SourceSettings'], bodySerializer: () => written, headers: { 'Content-Type': 'application/json' } })
        toast(t.saved)
        await queries.invalidateQueries({ queryKey: ['source', id] })
      })
    } catch (e) {
      setProblem(wordsOf(e))
    }
  }
  return (
    <>
      <p className="muted">{t.settingsHelp}</p>
      <CodeEditor label={t.settings} language="json" value={written} onValue={(v) => draft.set({ written: v })} readOnly={!writes} lines={16} />
      {problem && <div className="note bad" role="alert">{problem}</div>}
      {writes && <div className="row"><Button look="primary" disabled={!draft.isChanged} onPress={save}>{text.common.save}</Button><Unsaved draft={draft} /></div>}
    </>
  )
}
