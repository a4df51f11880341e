import { client } from '../../api/client'
import { useList } from '../../api/list'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { Button, Link, useDraft } from '../../ui'
import { EventTypePicker } from '../eventtype/picker'
import { useChanged, type Endpoint, type Place } from './data'
import { Form } from './form'

/** Events is which event types an endpoint gets. */
export function Events({ place, endpoint }: { place: Place; endpoint: Endpoint }) {
  const viewer = useViewer()
  const changed = useChanged(place)
  const before = endpoint.eventTypes ?? []
  const draft = useDraft({ types: before }, (d) => ({ types: [...d.types].sort() }))
  const now = draft.now.types
  const types = useList(['event-types', 'picker'], (iterator) => client.GET('/api/v1/event-type', { params: { query: { limit: 250, iterator } } }))
  const t = text.endpoint
  const may = viewer.may('ManageEndpoint')
  const save = async () => {
    await client.PATCH('/api/v1/app/{app_id}/endpoint/{endpoint_id}', { params: { path: place }, body: { eventTypes: now.length > 0 ? now : null } })
    await changed()
  }
  return (
    <div className="stack">
      <Form title={t.events} help={t.eventsHelp} may={may} draft={draft} onSave={save}>
        {(errorAt) => (
          <>
            {may ? <EventTypePicker types={types.rows} value={now} onValue={(v) => draft.set({ types: v })} /> : before.length === 0 && <p>{t.allEvents}</p>}
            {may && types.more && <div><Button onPress={types.more}>{text.common.loadMore}</Button></div>}
            {(errorAt('eventTypes') ?? errorAt('filterTypes')) && <div className="note bad" role="alert">{errorAt('eventTypes') ?? errorAt('filterTypes')}</div>}
          </>
        )}
      </Form>
      {before.length > 0 && (
        <section className="card stack tight">
          <h2>{t.subscribed}</h2>
          <ul className="plain stack tight">{before.map((n) => <li key={n}><Link to={viewer.to.eventType(n)}><code>{n}</code></Link></li>)}</ul>
        </section>
      )}
    </div>
  )
}
