import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { client, type OwnShapes, type Shapes } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { Button, CodeEditor, Input, Loading, Problem, Select, useDraft } from '../../ui'
import { Consent } from './consent'
import { useChanged, useConsent, useFilter, useLatest, useOrder, useRequest, type Endpoint, type Place } from './data'
import { Form } from './form'
import { Latest } from './latest'
import { Order } from './order'
import { Pairs, pairsOf, plainOf, recordOf } from './pairs'
import { parseDelays, parseStatuses, wordsOfDelays } from './request'

/** Settings is what an endpoint is, which messages it wants and in which order, how requests to it look, and whether it agreed. */
export function Settings({ place, endpoint }: { place: Place; endpoint: Endpoint }) {
  return (
    <div className="stack">
      <Basics place={place} endpoint={endpoint} />
      <Part of={useFilter(place)}>{(saved) => <Filter place={place} saved={saved} />}</Part>
      <Part of={useRequest(place)}>{(saved) => <Request place={place} saved={saved} />}</Part>
      <Part of={useOrder(place)}>{(saved) => <Order place={place} saved={saved} />}</Part>
      <Part of={useLatest(place)}>{(saved) => <Latest place={place} saved={saved} />}</Part>
      <Part of={useConsent(place)}>{(saved) => <Consent key={saved.method} place={place} saved={saved} />}</Part>
    </div>
  )
}

// Part waits for what a form begins with.
function Part<T>({ of, children }: { of: UseQueryResult<T>; children: (saved: T) => ReactNode }) {
  if (of.isPending) return <Loading />
  if (of.error) return <Problem error={of.error} onRetry={of.refetch} />
  return children(of.data as T)
}

function Basics({ place, endpoint: e }: { place: Place; endpoint: Endpoint }) {
  const viewer = useViewer()
  const may = viewer.may('ManageEndpoint')
  const changed = useChanged(place)
  const before = { url: e.url, description: e.description, uid: e.uid ?? '', rate: e.throttleRate ? String(e.throttleRate) : '', channels: (e.channels ?? []).join(', '), metadata: pairsOf(e.metadata) }
  const draft = useDraft(before, (d) => ({ ...d, metadata: plainOf(d.metadata) }))
  const { now } = draft
  const t = text.endpoint
  const set = (name: keyof typeof before) => (value: string) => draft.set({ [name]: value })
  const save = async () => {
    const body: Shapes['EndpointPatch'] = {}
    for (const k of draft.other) {
      if (k === 'metadata') body.metadata = recordOf(now.metadata)
      else if (k === 'rate') body.throttleRate = now.rate === '' ? null : Number(now.rate)
      else if (k === 'channels') body.channels = now.channels.trim() === '' ? null : now.channels.split(',').map((c) => c.trim()).filter(Boolean)
      else if (k === 'uid') body.uid = now.uid.trim() || null
      else body[k] = now[k].trim()
    }
    await client.PATCH('/api/v1/app/{app_id}/endpoint/{endpoint_id}', { params: { path: place }, body })
    await changed()
  }
  return (
    <Form title={t.basics} may={may} draft={draft} onSave={save}>
      {(errorAt) => (
        <>
          <Input label={t.url} value={now.url} onValue={set('url')} error={errorAt('url')} readOnly={!may} spellCheck={false} inputMode="url" />
          <Input label={t.description} value={now.description} onValue={set('description')} error={errorAt('description')} readOnly={!may} />
          <div className="grid">
            <Input label={t.uid} help={t.uidHelp} value={now.uid} onValue={set('uid')} error={errorAt('uid')} readOnly={!may} spellCheck={false} />
            <Input label={t.throttle} help={t.throttleHelp} type="number" min={1} value={now.rate} onValue={set('rate')} error={errorAt('throttleRate') ?? errorAt('rateLimit')} readOnly={!may} />
            {viewer.offers('enableChannels') && <Input label={t.channels} help={t.channelsHelp} value={now.channels} onValue={set('channels')} error={errorAt('channels')} readOnly={!may} spellCheck={false} />}
          </div>
          {viewer.kind === 'operator' && may && <Pairs label={t.metadata} pairs={now.metadata} onPairs={(metadata) => draft.set({ metadata })} />}
          {errorAt('metadata') && <div className="note bad" role="alert">{errorAt('metadata')}</div>}
        </>
      )}
    </Form>
  )
}

// Filter is kept as the text it was written in; saved is the answer of the operation: {"filter": ...}.
function Filter({ place, saved }: { place: Place; saved: string }) {
  const may = useViewer().may('ManageEndpoint')
  const changed = useChanged(place)
  const before = filterText(saved)
  const draft = useDraft({ filter: before })
  const now = draft.now.filter
  const setNow = (filter: string) => draft.set({ filter })
  const t = text.endpoint
  const path = { params: { path: place } }
  const save = async () => {
    if (now.trim() === '') await client.DELETE('/x/v1/app/{app_id}/endpoint/{endpoint_id}/filter', path)
    else {
      const body = `{"filter": ${now}}`
      JSON.parse(body)
      await client.PUT('/x/v1/app/{app_id}/endpoint/{endpoint_id}/filter', { ...path, body: {} as OwnShapes['EndpointFilter'], bodySerializer: () => body })
    }
    await changed()
  }
  return (
    <Form title={t.filter} help={t.filterHelp} may={may} draft={draft} onSave={save} extra={before !== '' && <Button onPress={() => setNow('')}>{t.clear}</Button>}>
      {() => <CodeEditor label={t.filter} language="json" lines={4} value={now} onValue={may ? setNow : undefined} readOnly={!may} />}
    </Form>
  )
}

// filterText takes the filter out of its answer, byte for byte.
function filterText(answer: string): string {
  const found = /^\s*\{\s*"filter"\s*:\s*([\s\S]*)\}\s*$/.exec(answer)?.[1]?.trim() ?? ''
  return found === 'null' ? '' : found
}

function Request({ place, saved }: { place: Place; saved: OwnShapes['EndpointRequestOut'] }) {
  const may = useViewer().may('ManageEndpoint')
  const changed = useChanged(place)
  const before = {
    method: saved.method, body: saved.body, xmlRoot: saved.xmlRoot ?? '', timeout: String(saved.timeoutSeconds),
    tokenIn: saved.token?.in ?? '', tokenName: saved.token?.name ?? '', token: '',
    statuses: (saved.successStatuses ?? []).join(', '), inherits: saved.retrySchedule === null ? 'yes' : 'no', delays: wordsOfDelays(saved.retrySchedule ?? []),
  }
  const draft = useDraft(before)
  const { now } = draft
  const t = text.endpoint
  const set = (name: keyof typeof before) => (value: string) => draft.set({ [name]: value, ...(name === 'method' && { body: value === 'GET' ? 'query' : now.body === 'query' ? 'json' : now.body }) })
  const save = async () => {
    const token = now.tokenIn ? { in: now.tokenIn, name: now.tokenName, value: now.token === '' && tokenStays ? undefined : now.token } : undefined
    await client.PUT('/x/v1/app/{app_id}/endpoint/{endpoint_id}/request', { params: { path: place }, body: {
      method: now.method, body: now.body, xmlRoot: now.body === 'xml' && now.xmlRoot ? now.xmlRoot : undefined, timeoutSeconds: Number(now.timeout), token,
      successStatuses: parseStatuses(now.statuses), retrySchedule: now.inherits === 'yes' ? undefined : parseDelays(now.delays),
    } })
    await changed()
  }
  const tokenStays = saved.token !== null && saved.token.in === now.tokenIn && saved.token.name === now.tokenName
  const bodies = now.method === 'GET' ? ['query'] as const : ['json', 'form', 'xml'] as const
  return (
    <Form title={t.request} help={t.requestHelp} may={may} draft={draft} onSave={save}>
      {(errorAt) => (
        <>
          <div className="grid">
            <Select label={t.method} value={now.method} onValue={set('method')} disabled={!may} options={['POST', 'PUT', 'PATCH', 'GET'].map((m) => [m, m] as const)} error={errorAt('method')} />
            <Select label={t.body} value={now.body} onValue={set('body')} disabled={!may} options={bodies.map((b) => [b, t.bodies[b]] as const)} error={errorAt('body')} />
            {now.body === 'xml' && <Input label={t.xmlRoot} value={now.xmlRoot} onValue={set('xmlRoot')} error={errorAt('xmlRoot')} />}
            <Input label={t.timeout} type="number" min={1} max={30} value={now.timeout} onValue={set('timeout')} error={errorAt('timeoutSeconds')} readOnly={!may} />
            <Input label={t.successStatuses} help={t.successHelp} value={now.statuses} onValue={set('statuses')} error={errorAt('successStatuses')} readOnly={!may} />
          </div>
          <Select label={t.retries} value={now.inherits} onValue={set('inherits')} disabled={!may} options={[['yes', t.inherited], ['no', t.ownSchedule]]} />
          {now.inherits === 'no' && <Input label={t.delays} help={t.delaysHelp} value={now.delays} onValue={set('delays')} error={errorAt('retrySchedule')} readOnly={!may} />}
          <div className="grid">
            <Select label={t.requestToken} help={t.requestTokenHelp} value={now.tokenIn} onValue={set('tokenIn')} disabled={!may} options={[['', text.common.none], ['header', t.inHeader], ['query', t.inQuery], ['body', t.inBody]]} error={errorAt('token.in')} />
            {now.tokenIn !== '' && <Input label={t.tokenName} value={now.tokenName} onValue={set('tokenName')} error={errorAt('token.name')} readOnly={!may} spellCheck={false} autoComplete="off" />}
            {now.tokenIn !== '' && may && <Input label={t.tokenValue} help={tokenStays ? t.secretStays : undefined} placeholder={tokenStays ? t.valueIsSet : undefined} type="password" autoComplete="new-password" value={now.token} onValue={set('token')} error={errorAt('token.value') ?? errorAt('token')} />}
          </div>
        </>
      )}
    </Form>
  )
}
