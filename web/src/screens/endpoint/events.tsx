import { useState } from 'react'
import { client } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { Link } from '../../ui'
import { useChanged, type Endpoint, type Place } from './data'
import { Form } from './form'
import { EventTypePicker } from './picker'

/** Events is which event types an endpoint gets. */
export function Events({ place, endpoint }: { place: Place; endpoint: Endpoint }) {
  const viewer = useViewer()
  const changed = useChanged(place)
  const before = endpoint.eventTypes ?? []
  const [now, setNow] = useState(before)
  const t = text.endpoint
  const save = async () => {
    await client.PATCH('/api/v1/app/{app_id}/endpoint/{endpoint_id}', { params: { path: place }, body: { eventTypes: now.length > 0 ? now : null } })
    await changed()
  }
  return (
    <div className="stack">
      <Form title={t.events} help={t.eventsHelp} may={viewer.may('ManageEndpoint')} isChanged={[...now].sort().join() !== [...before].sort().join()} onSave={save}>
        {(errorAt) => (
          <>
            <EventTypePicker value={now} onValue={setNow} disabled={!viewer.may('ManageEndpoint')} />
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
