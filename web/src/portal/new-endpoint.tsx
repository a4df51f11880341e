// P2: a new endpoint, and whether it answers.
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { client, type Shapes } from '../api/client'
import { useViewer } from '../api/viewer'
import { EventTypePicker } from '../screens/eventtype/picker'
import { text } from '../text'
import { Button, Empty, Form as Fields, Input, legible, Link, Page } from '../ui'
import { useBrand } from './brand'
import { useEventTypes } from './data'
import { wordsOfChannels } from './look'
import { TryEndpoint } from './try-endpoint'

type Endpoint = Shapes['EndpointOut']

export function NewEndpoint() {
  const { may } = useViewer()
  const [made, setMade] = useState<Endpoint>()
  const t = text.portal
  const crumbs = [{ to: '/endpoints', words: t.endpoints }]
  return (
    <Page title={t.addEndpoint} crumbs={crumbs}>
      {!may('ManageEndpoint') ? <Empty title={text.common.notAllowed} /> : made ? <Made endpoint={made} /> : <Form onMade={setMade} />}
    </Page>
  )
}

function Form({ onMade }: { onMade: (e: Endpoint) => void }) {
  const appId = useViewer().appId!
  const queries = useQueryClient()
  const brand = useBrand()
  const types = useEventTypes()
  const [url, setURL] = useState('')
  const [description, setDescription] = useState('')
  const [events, setEvents] = useState<string[]>([])
  const [rate, setRate] = useState('')
  const [channels, setChannels] = useState('')
  const t = text.portal
  const words = wordsOfChannels(brand)
  const create = async () => {
    const list = channels.split(',').map((c) => c.trim()).filter(Boolean)
    const { data } = await client.POST('/api/v1/app/{app_id}/endpoint', {
      params: { path: { app_id: appId } },
      body: { url: url.trim(), description, eventTypes: events.length ? events : undefined, throttleRate: rate ? Number(rate) : undefined, channels: list.length ? list : undefined },
    })
    void queries.invalidateQueries({ queryKey: ['list', 'endpoints'] })
    onMade(data!)
  }
  return (
    <Fields className="stack portal-form" onSave={create} footer={(busy) => <div className="row"><Button look="primary" type="submit" busy={busy}>{t.create}</Button><Link className="button" to="/endpoints">{text.common.cancel}</Link></div>}>
      {(errorAt) => (
        <>
          <Input label={t.url} help={t.urlHelp} error={errorAt('url')} type="url" placeholder={t.urlExample} required autoFocus value={url} onValue={setURL} />
          <Input label={t.description} error={errorAt('description')} value={description} onValue={setDescription} />
          <EventTypePicker types={types.rows} value={events} onValue={setEvents} />
          {types.more && <div><Button onPress={types.more}>{t.moreEvents}</Button></div>}
          {errorAt('eventTypes') && <div className="note bad" role="alert">{errorAt('eventTypes')}</div>}
          {brand.enableChannels === true && <Input label={words.many ?? t.channels} help={words.help ?? t.channelsHelp} error={errorAt('channels')} value={channels} onValue={setChannels} />}
          <Input label={t.rate} help={t.rateHelp} error={errorAt('throttleRate')} type="number" inputMode="numeric" min={1} max={65_535} value={rate} onValue={setRate} />
        </>
      )}
    </Fields>
  )
}

function Made({ endpoint }: { endpoint: Endpoint }) {
  const { appId, may, to } = useViewer()
  const types = useEventTypes()
  const t = text.portal
  const offered = endpoint.eventTypes?.length ? endpoint.eventTypes : types.rows.filter((e) => !e.deprecated).map((e) => e.name)
  return (
    <div className="stack portal-form">
      <div className="note ok" role="status">{t.made} <strong className="break">{legible(endpoint.url)}</strong></div>
      {may('CreateAttempts') && (
        <section className="card stack tight">
          <h2>{t.tryTitle}</h2>
          <p>{t.tryHelp}</p>
          {!types.pending && <TryEndpoint endpoints={[endpoint]} eventTypes={['hookloft.ping', ...offered]} />}
        </section>
      )}
      <div className="row">
        <Link className="button primary" to={to.endpoint(appId!, endpoint.id)}>{t.openEndpoint}</Link>
        {may('ViewEndpointSecret') && <Link className="button" to={`/connect?endpoint=${endpoint.id}`}>{t.toConnect}</Link>}
      </div>
    </div>
  )
}
