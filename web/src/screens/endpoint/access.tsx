import { client } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { Loading, Problem, useDraft } from '../../ui'
import { Credentials } from './credentials/credentials'
import { useChanged, useCredentials, useHeaders, type Endpoint, type Place } from './data'
import { Form } from './form'
import { Pairs, pairsOf, plainOf, type Pair } from './pairs'

/** Access is what requests carry besides the payload: headers, and what proves to the receiver who sends. */
export function Access({ place, endpoint }: { place: Place; endpoint: Endpoint }) {
  const headers = useHeaders(place)
  const credentials = useCredentials(place)
  return (
    <div className="stack">
      {headers.isPending ? <Loading /> : headers.error ? <Problem error={headers.error} onRetry={headers.refetch} /> : <Headers place={place} saved={headers.data} />}
      {credentials.isPending ? <Loading /> : credentials.error ? <Problem error={credentials.error} onRetry={credentials.refetch} /> : <Credentials place={place} endpoint={endpoint} saved={credentials.data} />}
    </div>
  )
}

function Headers({ place, saved }: { place: Place; saved: { headers: Record<string, string>; sensitive: string[] | null } }) {
  const may = useViewer().may('ManageEndpoint')
  const changed = useChanged(place)
  const before: Pair[] = [...pairsOf(saved.headers), ...pairsOf(Object.fromEntries((saved.sensitive ?? []).map((n) => [n, '']))).map((p) => ({ ...p, isSet: true }))]
  const draft = useDraft({ pairs: before }, (d) => ({ pairs: plainOf(d.pairs) }))
  const { pairs } = draft.now
  const t = text.endpoint
  // A header whose value is not shown is sent only where it was typed anew.
  const set = Object.fromEntries(pairs.filter((p) => p.name.trim() && !(p.isSet && p.value === '') && saved.headers[p.name.trim()] !== p.value).map((p) => [p.name.trim(), p.value]))
  const kept = new Set(pairs.map((p) => p.name.trim()))
  const gone = [...Object.keys(saved.headers), ...(saved.sensitive ?? [])].filter((n) => !kept.has(n))
  const save = async () => {
    await client.PATCH('/api/v1/app/{app_id}/endpoint/{endpoint_id}/headers', { params: { path: place }, body: { headers: set, deleteHeaders: gone } })
    await changed()
  }
  return (
    <Form title={t.headers} help={t.headersHelp} may={may} draft={draft} onSave={save}>
      {() => may ? <Pairs label={t.headers} pairs={pairs} onPairs={(p) => draft.set({ pairs: p })} /> : pairs.length === 0 ? <p className="muted">{text.common.none}</p> : (
        <dl className="facts">{pairs.map((p) => <div key={p.key} style={{ display: 'contents' }}><dt>{p.name}</dt><dd><code>{p.isSet ? t.valueIsSet : p.value}</code></dd></div>)}</dl>
      )}
    </Form>
  )
}
