// What is set most of a source. Each form changes its own settings and leaves the others as they are.
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { client, type OwnShapes } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { Form } from '../../screens/endpoint/form'
import { Pairs, pairsOf, recordOf } from '../../screens/endpoint/pairs'
import '../../screens/endpoint/endpoint.css'
import { text } from '../../text/dashboard'
import { Input, Select, TextArea } from '../../ui'
import type { Source, SourceSettings } from './source'

type Props = { id: string; now: SourceSettings }

// An empty field is the default.
const numberOf = (words: string): number | null => (words.trim() === '' ? null : Number(words))
const wordsOfNumber = (n: number | null | undefined): string => (n === null || n === undefined ? '' : String(n))

function useSave(id: string) {
  const queries = useQueryClient()
  const mayWrite = useViewer().owns('source:write')
  const changed = () => queries.invalidateQueries({ queryKey: ['source', id] })
  const patch = async (change: Partial<OwnShapes['SourceSettings']>) => {
    // Merged as in RFC 7396: what is absent stays.
    await client.PATCH('/x/v1/source/{source_id}/settings', { params: { path: { source_id: id } }, body: change as OwnShapes['SourceSettings'] })
    await changed()
  }
  return { mayWrite, changed, patch }
}

/** Basics is what a source is called. */
export function Basics({ source }: { source: Source }) {
  const t = text.sources
  const { mayWrite, changed } = useSave(source.id)
  const queries = useQueryClient()
  const [name, setName] = useState(source.name)
  const [uid, setUID] = useState(source.uid ?? '')
  const save = async () => {
    await client.PATCH('/ingest/api/v1/source/{source_id}', { params: { path: { source_id: source.id } }, body: { ...(name !== source.name && { name }), ...(uid !== (source.uid ?? '') && { uid: uid.trim() || null }) } })
    void queries.invalidateQueries({ queryKey: ['list', 'sources'] })
    await changed()
  }
  return (
    <Form title={t.source} may={mayWrite} isChanged={name !== source.name || uid !== (source.uid ?? '')} onSave={save}>
      {(errorAt) => (
        <div className="grid">
          <Input label={t.name} value={name} onValue={setName} error={errorAt('name')} readOnly={!mayWrite} />
          <Input label={t.uid} help={t.uidHelp} value={uid} onValue={setUID} error={errorAt('uid')} readOnly={!mayWrite} spellCheck={false} />
        </div>
      )}
    </Form>
  )
}

/** Answer is what the provider is answered. */
export function Answer({ id, now }: Props) {
  const t = text.sources
  const { mayWrite, patch } = useSave(id)
  const before = { status: wordsOfNumber(now.answer?.status), body: now.answer?.body ?? '', failure: now.failureStatus === 400 ? '400' : '' }
  const [draft, setDraft] = useState(before)
  const [headers, setHeaders] = useState(pairsOf(now.answer?.headers ?? {}))
  const set = (name: keyof typeof before) => (value: string) => setDraft({ ...draft, [name]: value })
  const isChanged = JSON.stringify(draft) !== JSON.stringify(before) || JSON.stringify(recordOf(headers)) !== JSON.stringify(now.answer?.headers ?? {})
  const save = () => patch({ answer: { status: numberOf(draft.status), body: draft.body || null, headers: recordOf(headers) }, failureStatus: numberOf(draft.failure) })
  return (
    <Form title={t.answer} help={t.answerHelp} may={mayWrite} isChanged={isChanged} onSave={save}>
      {(errorAt) => (
        <>
          <div className="grid">
            <Input label={t.status} help={t.statusHelp} type="number" min={200} max={299} placeholder="200" value={draft.status} onValue={set('status')} error={errorAt('answer.status')} readOnly={!mayWrite} />
            <Select label={t.failureStatus} value={draft.failure} onValue={set('failure')} disabled={!mayWrite} options={[['', '401'], ['400', '400']]} error={errorAt('failureStatus')} />
          </div>
          <TextArea label={t.answerBody} help={t.answerBodyHelp} value={draft.body} onValue={set('body')} error={errorAt('answer.body')} readOnly={!mayWrite} spellCheck={false} />
          {mayWrite && <Pairs label={t.answerHeaders} pairs={headers} onPairs={setHeaders} />}
          {errorAt('answer.headers') && <div className="note bad" role="alert">{errorAt('answer.headers')}</div>}
        </>
      )}
    </Form>
  )
}

const rules = ['provider', 'body', 'header', 'hash', 'off'] as const

/** Duplicates is how a request is known that came before. */
export function Duplicates({ id, now }: Props) {
  const t = text.sources
  const { mayWrite, patch } = useSave(id)
  const before = { by: now.dedupe?.by ?? 'provider', name: now.dedupe?.name ?? '', window: wordsOfNumber(now.dedupe?.windowSeconds) }
  const [draft, setDraft] = useState(before)
  const isNamed = draft.by === 'body' || draft.by === 'header'
  const save = () => patch({ dedupe: { by: draft.by, name: isNamed ? draft.name.trim() || null : null, windowSeconds: numberOf(draft.window) } })
  return (
    <Form title={t.duplicates} help={t.duplicatesHelp} may={mayWrite} isChanged={JSON.stringify(draft) !== JSON.stringify(before)} onSave={save}>
      {(errorAt) => (
        <div className="grid">
          <Select label={t.knownBy} value={draft.by} onValue={(by) => setDraft({ ...draft, by })} disabled={!mayWrite} options={rules.map((r) => [r, t.rules[r]] as const)} error={errorAt('dedupe.by')} />
          {isNamed && <Input label={draft.by === 'body' ? t.dedupePath : t.dedupeHeader} value={draft.name} onValue={(name) => setDraft({ ...draft, name })} error={errorAt('dedupe.name')} readOnly={!mayWrite} spellCheck={false} />}
          {draft.by !== 'off' && <Input label={t.remembered} help={t.rememberedHelp} type="number" min={60} max={3_024_000} value={draft.window} onValue={(window) => setDraft({ ...draft, window })} error={errorAt('dedupe.windowSeconds')} readOnly={!mayWrite} />}
        </div>
      )}
    </Form>
  )
}

const limits = ['maxBodyBytes', 'toleranceSeconds', 'ratePerMinute', 'ratePerHour'] as const

/** Limits is what is rejected although it is genuine. */
export function Limits({ id, now }: Props) {
  const t = text.sources
  const { mayWrite, patch } = useSave(id)
  const before = Object.fromEntries(limits.map((l) => [l, wordsOfNumber(now[l])])) as Record<(typeof limits)[number], string>
  const [draft, setDraft] = useState(before)
  const save = () => patch(Object.fromEntries(limits.map((l) => [l, numberOf(draft[l])])))
  return (
    <Form title={t.limits} help={t.limitsHelp} may={mayWrite} isChanged={JSON.stringify(draft) !== JSON.stringify(before)} onSave={save}>
      {(errorAt) => (
        <div className="grid">
          {limits.map((l) => <Input key={l} label={t.limit[l]} help={t.limitHelp[l]} type="number" min={1} value={draft[l]} onValue={(v) => setDraft({ ...draft, [l]: v })} error={errorAt(l)} readOnly={!mayWrite} />)}
        </div>
      )}
    </Form>
  )
}
