// What is set most of a source. Each form changes its own settings and leaves the others as they are.
import { useQueryClient } from '@tanstack/react-query'
import { client, type OwnShapes } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { Form } from '../../screens/endpoint/form'
import { Pairs, pairsOf, plainOf, recordOf } from '../../screens/endpoint/pairs'
import '../../screens/endpoint/endpoint.css'
import { text } from '../../text/dashboard'
import { Input, Select, TextArea, useDraft } from '../../ui'
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
  const draft = useDraft({ name: source.name, uid: source.uid ?? '' })
  const { now: { name, uid }, set } = draft
  const save = async () => {
    await client.PATCH('/ingest/api/v1/source/{source_id}', { params: { path: { source_id: source.id } }, body: { ...(name !== source.name && { name }), ...(uid !== (source.uid ?? '') && { uid: uid.trim() || null }) } })
    void queries.invalidateQueries({ queryKey: ['list', 'sources'] })
    await changed()
  }
  return (
    <Form title={t.source} may={mayWrite} draft={draft} onSave={save}>
      {(errorAt) => (
        <div className="grid">
          <Input label={t.name} value={name} onValue={(v) => set({ name: v })} error={errorAt('name')} readOnly={!mayWrite} />
          <Input label={t.uid} help={t.uidHelp} value={uid} onValue={(v) => set({ uid: v })} error={errorAt('uid')} readOnly={!mayWrite} spellCheck={false} />
        </div>
      )}
    </Form>
  )
}

/** Answer is what the provider is answered. */
export function Answer({ id, now }: Props) {
  const t = text.sources
  const { mayWrite, patch } = useSave(id)
  const before = { status: wordsOfNumber(now.answer?.status), body: now.answer?.body ?? '', failure: now.failureStatus === 400 ? '400' : '', headers: pairsOf(now.answer?.headers ?? {}) }
  const draft = useDraft(before, (d) => ({ ...d, headers: plainOf(d.headers) }))
  const { status, body, failure, headers } = draft.now
  const set = (name: keyof typeof before) => (value: string) => draft.set({ [name]: value })
  const save = () => patch({ answer: { status: numberOf(status), body: body || null, headers: recordOf(headers) }, failureStatus: numberOf(failure) })
  return (
    <Form title={t.answer} help={t.answerHelp} may={mayWrite} draft={draft} onSave={save}>
      {(errorAt) => (
        <>
          <div className="grid">
            <Input label={t.status} help={t.statusHelp} type="number" min={200} max={299} placeholder="200" value={status} onValue={set('status')} error={errorAt('answer.status')} readOnly={!mayWrite} />
            <Select label={t.failureStatus} value={failure} onValue={set('failure')} disabled={!mayWrite} options={[['', '401'], ['400', '400']]} error={errorAt('failureStatus')} />
          </div>
          <TextArea label={t.answerBody} help={t.answerBodyHelp} value={body} onValue={set('body')} error={errorAt('answer.body')} readOnly={!mayWrite} spellCheck={false} />
          {mayWrite && <Pairs label={t.answerHeaders} pairs={headers} onPairs={(h) => draft.set({ headers: h })} />}
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
  const draft = useDraft(before)
  const { now: { by, name, window }, set } = draft
  const isNamed = by === 'body' || by === 'header'
  const save = () => patch({ dedupe: { by, name: isNamed ? name.trim() || null : null, windowSeconds: numberOf(window) } })
  return (
    <Form title={t.duplicates} help={t.duplicatesHelp} may={mayWrite} draft={draft} onSave={save}>
      {(errorAt) => (
        <div className="grid">
          <Select label={t.knownBy} value={by} onValue={(v) => set({ by: v })} disabled={!mayWrite} options={rules.map((r) => [r, t.rules[r]] as const)} error={errorAt('dedupe.by')} />
          {isNamed && <Input label={by === 'body' ? t.dedupePath : t.dedupeHeader} value={name} onValue={(v) => set({ name: v })} error={errorAt('dedupe.name')} readOnly={!mayWrite} spellCheck={false} />}
          {by !== 'off' && <Input label={t.remembered} help={t.rememberedHelp} type="number" min={60} max={3_024_000} value={window} onValue={(v) => set({ window: v })} error={errorAt('dedupe.windowSeconds')} readOnly={!mayWrite} />}
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
  const draft = useDraft(before)
  const save = () => patch(Object.fromEntries(limits.map((l) => [l, numberOf(draft.now[l])])))
  return (
    <Form title={t.limits} help={t.limitsHelp} may={mayWrite} draft={draft} onSave={save}>
      {(errorAt) => (
        <div className="grid">
          {limits.map((l) => <Input key={l} label={t.limit[l]} help={t.limitHelp[l]} type="number" min={1} value={draft.now[l]} onValue={(v) => draft.set({ [l]: v })} error={errorAt(l)} readOnly={!mayWrite} />)}
        </div>
      )}
    </Form>
  )
}
