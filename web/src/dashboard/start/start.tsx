// O1: the first webhook, sent and seen.
import { useState } from 'react'
import { useQuery } from '@tanstack/react-query'
import { ApiError, baseURL, client } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { Button, Loading, Page, Problem } from '../../ui'
import { NewEndpoint } from '../../screens/endpoint/new'
import { messageCurl, messageSnippets } from '../snippets'
import { SnippetPicker } from '../snippet-picker'
import { Deliveries } from './deliveries'
import { Steps } from './steps'
import './start.css'

const demo = 'demo' // the uid of the application that the program makes for trying things

// application is the one to try things with, else the oldest; null where there is none.
async function application() {
  try {
    return (await client.GET('/api/v1/app/{app_id}', { params: { path: { app_id: demo } } })).data!
  } catch (e) {
    if (!(e instanceof ApiError) || e.status !== 404) throw e
    return (await client.GET('/api/v1/app', { params: { query: { limit: 1 } } })).data!.data[0] ?? null
  }
}

export function Start() {
  const viewer = useViewer()
  const [making, setMaking] = useState(false)
  const every = 2000
  const app = useQuery({ queryKey: ['start', 'application'], queryFn: application })
  const appId = app.data?.id ?? ''
  const path = { app_id: appId }
  const endpoints = useQuery({
    queryKey: ['start', appId, 'endpoint'], enabled: appId !== '', meta: { always: true }, refetchInterval: (q) => (q.state.data?.length ? false : every),
    queryFn: async () => (await client.GET('/api/v1/app/{app_id}/endpoint', { params: { path, query: { limit: 1 } } })).data!.data,
  })
  const messages = useQuery({
    queryKey: ['start', appId, 'message'], enabled: appId !== '', meta: { always: true }, refetchInterval: every,
    queryFn: async () => (await client.GET('/api/v1/app/{app_id}/msg', { params: { path, query: { limit: 5, with_content: false } } })).data!.data,
  })
  const t = text.start
  if (app.isPending) return <Page title={t.title}><Loading /></Page>
  if (app.error) return <Page title={t.title}><Problem error={app.error} onRetry={app.refetch} /></Page>
  const make = async () => {
    await client.POST('/api/v1/app', { body: { name: t.demoName, uid: demo } })
    await app.refetch()
  }
  const send = async () => {
    await client.POST('/api/v1/app/{app_id}/msg', { params: { path }, body: { eventType: 'invoice.paid', payload: { invoice: 'in_1001', amount: 4200 } as unknown as Record<string, never> } })
    await messages.refetch()
  }
  const problem = endpoints.error ?? messages.error
  const ref = app.data?.uid ?? appId
  return (
    <Page title={t.title}>
      <p className="muted">{t.intro}</p>
      <div className="start">
        <Steps
          appId={appId}
          endpointId={endpoints.data?.[0]?.id}
          messages={messages.data ?? []}
          actions={{
            application: viewer.owns('app:write') && <Button look="primary" icon="plus" onPress={make}>{t.makeApplication}</Button>,
            endpoint: viewer.may('ManageEndpoint') && <Button look="primary" icon="plus" onPress={() => setMaking(true)}>{t.makeEndpoint}</Button>,
            message: viewer.owns('message:write') && <Button look="primary" icon="send" onPress={send}>{messages.data?.length ? t.sendAnother : t.send}</Button>,
          }}
        />
        <div className="stack">
          {problem && <Problem error={problem} />}
          {app.data && <Deliveries appId={appId} messages={messages.data ?? []} />}
          {app.data && (
            <section className="card stack">
              <h2>{t.fromCode}</h2>
              <p className="muted">{t.fromCodeHelp}</p>
              <SnippetPicker label={t.fromCode} list={[{ id: 'curl', words: 'curl', code: messageCurl(baseURL, ref) }, ...messageSnippets(baseURL, ref)]} />
            </section>
          )}
        </div>
      </div>
      {making && <NewEndpoint appId={appId} onClose={() => setMaking(false)} onMade={() => { setMaking(false); void endpoints.refetch() }} />}
    </Page>
  )
}
