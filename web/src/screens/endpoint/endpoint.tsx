// O5 and P3: one endpoint, all of it. The dashboard and the portal show the same.
import { useParams } from '@tanstack/react-router'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { Chip, Loading, Page, Problem, Tabs, Time } from '../../ui'
import { Access } from './access'
import { Actions } from './actions'
import { useAppName, useEndpoint, useHold, useWhy, type Place } from './data'
import './endpoint.css'
import { Events } from './events'
import { Overview } from './overview'
import { Secret } from './secret'
import { Settings } from './settings'
import { StateChip, stateOf } from './state'
import { Transformation } from './transformation'

/** EndpointPage stands at a route with the parameter endpointId, and appId where the viewer has none. */
export function EndpointPage() {
  const { appId: own, kind, offers } = useViewer()
  const params = useParams({ strict: false }) as { appId?: string; endpointId?: string }
  const place = { app_id: params.appId ?? own ?? '', endpoint_id: params.endpointId ?? '' }
  const endpoint = useEndpoint(place)
  const app = useAppName(place.app_id, kind === 'operator')
  const crumbs = kind === 'operator' ? [{ to: '/apps', words: text.shell.applications }, { to: `/apps/${place.app_id}`, words: app }] : [{ to: '/', words: text.portal.endpoints }]
  if (endpoint.isPending) return <Page title={text.endpoint.title}><Loading /></Page>
  if (endpoint.error) return <Page title={text.endpoint.title} crumbs={crumbs}><Problem error={endpoint.error} onRetry={endpoint.refetch} /></Page>
  const e = endpoint.data
  return (
    <Page title={e.description || e.url} heading={<span className="endpoint-url">{e.url}</span>} crumbs={crumbs} actions={<Actions place={place} endpoint={e} home={crumbs[crumbs.length - 1]!.to} />}>
      <State place={place} disabled={e.disabled} description={e.description} />
      <Tabs label={text.endpoint.title} tabs={[
        { id: 'overview', words: text.endpoint.overview, content: () => <Overview place={place} /> },
        { id: 'settings', words: text.endpoint.settings, content: () => <Settings key={e.id} place={place} endpoint={e} /> },
        { id: 'access', words: text.endpoint.access, content: () => <Access key={e.id} place={place} endpoint={e} /> },
        offers('enableTransformations') && { id: 'transformation', words: text.endpoint.transformation, content: () => <Transformation key={e.id} place={place} /> },
        { id: 'secret', words: text.endpoint.secret, content: () => <Secret place={place} /> },
        { id: 'events', words: text.endpoint.events, content: () => <Events key={e.id} place={place} endpoint={e} /> },
      ]} />
    </Page>
  )
}

function State({ place, disabled, description }: { place: Place; disabled: boolean; description: string }) {
  const hold = useHold(place)
  const why = useWhy(place)
  const t = text.endpoint
  const failingSince = why.data?.facts?.find((f) => f.name === 'failing since')?.value
  const state = stateOf({ disabled }, hold.data, failingSince)
  const h = hold.data
  return (
    <div className="row">
      <StateChip state={state} />
      {state === 'failing' && <span className="muted">{failingSince && <>{t.since} <Time at={failingSince} /></>} {h?.breaker && h.breaker.state !== 'closed' && t.resting(h.breaker.failures)}</span>}
      {h && (state === 'paused' || state === 'draining') && <span className="muted">{h.since && <>{t.since} <Time at={h.since} /></>} {(h.by === 'application' || h.by === 'source') && t.pausedAbove}</span>}
      {h?.note && (state === 'paused' || state === 'draining') && <q>{h.note}</q>}
      {(state === 'disabled' || state === 'waiting') && why.data && <span className="muted">{why.data.verdict}</span>}
      {h && h.waiting > 0 && <Chip tone="idle" icon="clock">{t.waiting(h.waiting, h.approximated)}</Chip>}
      <span className="muted">{description}</span>
    </div>
  )
}
