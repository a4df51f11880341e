import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { client, type OwnShapes } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { Button, CodeEditor, toast, wordsOf } from '../../ui'
import type { SourceSettings } from './source'

const shownOnly = ['sourceId', 'applicationId', 'configured', 'verificationToken', 'provider']

/** SourceSettingsPane edits what the contract has no words for, as JSON: the server names each wrong field. */
export function SourceSettingsPane({ now, id }: { now: SourceSettings; id: string }) {
  const t = text.sources
  const { owns } = useViewer()
  const queries = useQueryClient()
  const initial = JSON.stringify(Object.fromEntries(Object.entries(now).filter(([k]) => !shownOnly.includes(k))), null, 2)
  const [source, setSource] = useState(initial)
  const [problem, setProblem] = useState('')
  const writes = owns('source:write')
  const save = async () => {
    setProblem('')
    try {
      await client.PUT('/x/v1/source/{source_id}/settings', { params: { path: { source_id: id } }, body: {} as OwnShapes['SourceSettings'], bodySerializer: () => source, headers: { 'Content-Type': 'application/json' } })
      toast(t.saved)
      await queries.invalidateQueries({ queryKey: ['source', id] })
    } catch (e) {
      setProblem(wordsOf(e))
    }
  }
  return (
    <div className="stack">
      <p className="muted">{t.settingsHelp}</p>
      <CodeEditor label={t.settings} language="json" value={source} onValue={setSource} readOnly={!writes} lines={16} />
      {problem && <div className="note bad" role="alert">{problem}</div>}
      {writes && <div className="row"><Button look="primary" disabled={source === initial} onPress={save}>{text.common.save}</Button></div>}
    </div>
  )
}
