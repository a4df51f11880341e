import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { client } from '../api/client'
import { useViewer } from '../api/viewer'
import { useReasons } from '../screens/endpoint/data'
import { text } from '../text'
import { milliseconds } from '../text/format'
import { Button, Link, Select, wordsOf } from '../ui'

const ping = 'hookloft.ping'

/** TryEndpoint sends an example of an event type to an endpoint, as any other message goes, and says what came of it. Where
    there is a choice of either, it is offered. */
export function TryEndpoint({ endpoints, eventTypes }: { endpoints: { id: string; url: string }[]; eventTypes: string[] }) {
  const appId = useViewer().appId!
  const [endpoint, setEndpoint] = useState(endpoints[0]?.id ?? '')
  const [eventType, setEventType] = useState(eventTypes[0] ?? ping)
  const [sent, setSent] = useState('')
  const [problem, setProblem] = useState('')
  const t = text.portal
  const send = async () => {
    setProblem('')
    setSent('')
    try {
      const { data } = await client.POST('/api/v1/app/{app_id}/endpoint/{endpoint_id}/send-example', { params: { path: { app_id: appId, endpoint_id: endpoint } }, body: { eventType, exampleIndex: 0 } })
      setSent(data!.id)
    } catch (e) {
      setProblem(wordsOf(e))
    }
  }
  return (
    <div className="stack tight">
      {endpoints.length > 1 && <Select label={t.tryEndpoint} options={endpoints.map((e) => [e.id, e.url] as const)} value={endpoint} onValue={setEndpoint} />}
      {eventTypes.length > 1 && <Select label={t.tryEvent} options={eventTypes.map((n) => [n, n] as const)} value={eventType} onValue={setEventType} />}
      <div><Button icon="send" onPress={send}>{t.trySend}</Button></div>
      <div role="status">
        {problem && <div className="note bad">{problem}</div>}
        {sent && <Outcome key={sent} appId={appId} messageId={sent} />}
      </div>
    </div>
  )
}

// Outcome looks until the first attempt has ended.
function Outcome({ appId, messageId }: { appId: string; messageId: string }) {
  const { to } = useViewer()
  const words = useReasons()
  const t = text.portal
  const attempt = useQuery({
    queryKey: ['tried', messageId],
    refetchInterval: (q) => (q.state.data ? false : 500),
    queryFn: async () => {
      const { data } = await client.GET('/api/v1/app/{app_id}/attempt/msg/{msg_id}', { params: { path: { app_id: appId, msg_id: messageId } } })
      return data!.data[0] ?? null // what is listed has ended; "sending" means that it will be tried again
    },
  })
  const a = attempt.data
  const link = <Link to={to.message(appId, messageId)}>{t.tryOpen}</Link>
  if (!a) return <div className="note">{attempt.error ? wordsOf(attempt.error) : t.tryWaits} {link}</div>
  return a.status === 0
    ? <div className="note ok">{t.tryDelivered(a.responseStatusCode, milliseconds(a.responseDurationMs))} {link}</div>
    : <div className="note bad">{t.tryFailed(a.hookloft?.reason ? words(a.hookloft.reason) : String(a.responseStatusCode), Boolean(a.hookloft?.nextAttempt))} {link}</div>
}
