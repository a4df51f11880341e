import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { client, type Shapes } from '../../api/client'
import { text } from '../../text/dashboard'
import { Icon, Link } from '../../ui'

type Step = { done: boolean; words: string; help: string; action?: ReactNode }

/** Steps is a list that ticks itself: whoever does a step elsewhere sees it here. */
export function Steps({ appId, endpointId, messages, actions }: {
  appId: string
  endpointId?: string
  messages: Shapes['MessageOut'][]
  actions: Record<'application' | 'endpoint' | 'message', ReactNode>
}) {
  const delivered = useQuery({
    queryKey: ['start', appId, endpointId, 'delivered'],
    enabled: endpointId !== undefined && messages.length > 0,
    meta: { always: true }, refetchInterval: (q) => (q.state.data ? false : 1000),
    queryFn: async () => {
      const path = { app_id: appId, endpoint_id: endpointId! }
      return (await client.GET('/api/v1/app/{app_id}/attempt/endpoint/{endpoint_id}', { params: { path, query: { limit: 1, status: 0, with_content: false } } })).data!.data.length > 0
    },
  })
  const t = text.start
  const steps: Step[] = [
    { done: appId !== '', words: t.application, help: t.applicationHelp, action: actions.application },
    { done: endpointId !== undefined, words: t.endpoint, help: t.endpointHelp, action: appId !== '' && actions.endpoint },
    { done: messages.length > 0, words: t.message, help: t.messageHelp },
    { done: delivered.data === true, words: t.delivery, help: t.deliveryHelp },
  ]
  const ready = appId !== '' && endpointId !== undefined
  const done = steps.filter((s) => s.done).length
  return (
    <section className="card stack">
      <h2>{t.steps}</h2>
      <p className="sr-only" role="status">{t.progress(done, steps.length)}</p>
      <ol className="steps">
        {steps.map((s, i) => (
          <li key={s.words} className={s.done ? 'done' : undefined}>
            <span className="step-mark" aria-hidden="true">{s.done ? <Icon name="check" /> : i + 1}</span>
            <div className="stack tight">
              <h3>{s.words}<span className="sr-only">{s.done ? `, ${t.done}` : `, ${t.open}`}</span></h3>
              <p className="muted small">{s.help}</p>
              {!s.done && s.action && <div>{s.action}</div>}
            </div>
          </li>
        ))}
      </ol>
      {ready && actions.message && <div>{actions.message}</div>}
      {done === steps.length && <p className="note ok">{t.allDone} <Link to={`/apps/${appId}`}>{t.toApplication}</Link></p>}
    </section>
  )
}
