import { useEffect, useState } from 'react'
import { ApiError, client } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { Button, CodeEditor, Loading, Problem, Switch, toast, Unsaved, useDraft, useSearch, wordsOf } from '../../ui'
import { useChanged, useTransformation, type Place } from './data'
import { Pairs, pairsOf, plainOf, recordOf } from './pairs'
import { Trial } from './trial'

const template = `function handler(webhook) {
  // webhook.payload, .method, .url and .headers can be changed; webhook.cancel = true sends nothing.
  return webhook;
}
`

/** Transformation is the endpoint's own code, and what it makes of messages that came. */
export function Transformation({ place }: { place: Place }) {
  const saved = useTransformation(place)
  if (saved.isPending) return <Loading lines={10} />
  if (saved.error) return <Problem error={saved.error} onRetry={saved.refetch} />
  return <Editor place={place} saved={saved.data} />
}

function Editor({ place, saved }: { place: Place; saved: { code: string | null; enabled: boolean; variables: Record<string, string> | null } }) {
  const viewer = useViewer()
  const may = viewer.may('ManageTransformations')
  const changed = useChanged(place)
  const draft = useDraft({ code: saved.code ?? template, enabled: saved.enabled || saved.code === null, variables: pairsOf(saved.variables ?? {}) }, (d) => ({ ...d, variables: plainOf(d.variables) }))
  const { now: { code, enabled, variables }, isChanged } = draft
  const [search] = useSearch()
  // ?line= and ?column= are where a delivery failed in it.
  const [problem, setProblem] = useState<{ words: string; line?: number; column?: number } | null>(Number(search.line) > 0 ? { words: '', line: Number(search.line), column: Number(search.column) || undefined } : null)
  const t = text.endpoint
  const isUnsaved = draft.other.length > 0
  useEffect(() => {
    if (!isUnsaved) return
    const warn = (e: BeforeUnloadEvent) => e.preventDefault()
    addEventListener('beforeunload', warn)
    return () => removeEventListener('beforeunload', warn)
  }, [isUnsaved])
  const save = async () => {
    setProblem(null)
    try {
      await draft.saving(async () => {
        await client.PATCH('/api/v1/app/{app_id}/endpoint/{endpoint_id}/transformation', { params: { path: place }, body: { code, enabled, variables: recordOf(variables) } })
        toast(enabled ? t.codeSaved : t.codeSavedOff)
        await changed()
      })
    } catch (e) {
      const found = e instanceof ApiError ? /line (\d+)(?:, column (\d+))?/.exec(e.detail) : null
      setProblem({ words: wordsOf(e), line: found ? Number(found[1]) : undefined, column: found?.[2] ? Number(found[2]) : undefined })
    }
  }
  return (
    <div className="stack">
      <p className="muted">{saved.code === null ? t.noCode : saved.enabled ? t.codeRuns : t.codeOff}</p>
      <CodeEditor label={t.code} language="javascript" lines={12} value={code} onValue={may ? (v) => draft.set({ code: v }) : undefined} readOnly={!may} at={problem?.line ? { line: problem.line, column: problem.column } : undefined} />
      {problem?.words && <div className="note bad" role="alert">{problem.words}</div>}
      {may && (
        <>
          <details className="card">
            <summary>{t.variables(variables.filter((v) => v.name).length)}</summary>
            <Pairs label={t.variablesLabel} pairs={variables} onPairs={(v) => draft.set({ variables: v })} />
            <p className="help muted">{t.variablesHelp}</p>
          </details>
          <Switch label={t.codeEnabled} checked={enabled} onValue={(v) => draft.set({ enabled: v })} />
          <div className="row">
            <Button look="primary" disabled={!isChanged && saved.code !== null} onPress={save}>{text.common.save}</Button>
            <Unsaved draft={draft} />
          </div>
          <Trial place={place} code={code} variables={recordOf(variables)} onFailedAt={(line, column) => setProblem((p) => ({ words: p?.words ?? '', line, column }))} />
        </>
      )}
    </div>
  )
}
