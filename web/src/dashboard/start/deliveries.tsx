import { useQuery } from '@tanstack/react-query'
import { client, type OwnShapes, type Shapes } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { Chip, Empty, Link, Time, type Tone } from '../../ui'

/** Deliveries shows what becomes of the newest messages while it happens. */
export function Deliveries({ appId, messages }: { appId: string; messages: Shapes['MessageOut'][] }) {
  const t = text.start
  return (
    <section className="card stack">
      <h2>{t.deliveries}</h2>
      {messages.length === 0 ? <Empty title={t.nothingYet}>{t.nothingYetHelp}</Empty> : (
        <ul className="plain stack" aria-live="polite">
          {messages.map((m) => <Delivery key={m.id} appId={appId} message={m} />)}
        </ul>
      )}
    </section>
  )
}

type Why = OwnShapes['WhyOut']
type One = OwnShapes['WhyDelivery']

function lookOf(d: One): [Tone, string] {
  const s = text.states
  switch (d.state) {
    case 'delivered': return ['ok', s.delivered]
    case 'exhausted': return ['bad', s.failed]
    case 'cancelled': return ['idle', s.cancelled]
    case 'held': return ['warn', s.held]
    default: return d.attempts > 0 ? ['warn', s.retrying] : ['accent', s.sending]
  }
}

// nextLook is after how many milliseconds to ask again: at once while the first attempt is on its way, seldom while it is being
// retried, never once all is over. What nobody subscribes to has no deliveries, which a message of this moment has not either.
function nextLook(why: Why | undefined, sentAt: string): number | false {
  const all = why?.deliveries ?? []
  const age = Math.abs(Date.now() - Date.parse(sentAt)) // the server's clock may be ahead
  const soon = age < 2000 ? 60 : 500
  if (all.length === 0) return age < 15_000 ? soon : false
  if (all.some((d) => d.state === 'pending' && d.attempts === 0)) return soon
  return all.some((d) => d.state === 'pending' || d.state === 'held') ? 5000 : false
}

function Delivery({ appId, message }: { appId: string; message: Shapes['MessageOut'] }) {
  const viewer = useViewer()
  const why = useQuery({
    queryKey: ['start', 'why', message.id],
    meta: { always: true }, refetchInterval: (q) => nextLook(q.state.data, message.timestamp),
    queryFn: async () => (await client.GET('/x/v1/why/{id}', { params: { path: { id: message.id } } })).data!,
  })
  const t = text.start
  return (
    <li className="delivery">
      <div className="spread">
        <Link to={viewer.to.message(appId, message.id)}>{message.eventType}</Link>
        <Time at={message.timestamp} />
      </div>
      {(why.data?.deliveries ?? []).map((d) => {
        const [tone, words] = lookOf(d)
        return <p key={d.endpointId} className="row"><Chip tone={tone}>{words}</Chip><span className="break">{d.url}</span></p>
      })}
      <p className="muted small">{why.data?.verdict ?? t.looking}</p>
    </li>
  )
}
