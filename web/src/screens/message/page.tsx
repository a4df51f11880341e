// O7, P5: one message, at all its endpoints.
import { useParams } from '@tanstack/react-router'
import { useState, type ReactNode } from 'react'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { Button, Chip, Confirm, CopyButton, Empty, legible, Link, Loading, Page, Problem, Time, toast } from '../../ui'
import { useAppName } from '../endpoint/data'
import { AttemptDrawer } from './attempt'
import { resend, useAgain, useMessage, type Delivery, type Message } from './data'
import { PayloadCard } from './payload'
import { timelineOf } from './timeline'
import { Verdict } from './verdict'
import { Waterfall } from './waterfall'

/** MessagePage takes the message from the address; the application, too, where the page is not of one. */
export function MessagePage() {
  const viewer = useViewer()
  const params = useParams({ strict: false }) as { appId?: string; messageId?: string }
  const appId = viewer.appId ?? params.appId ?? ''
  const messageId = params.messageId ?? ''
  return <MessageOf key={messageId} appId={appId} messageId={messageId} />
}

function MessageOf({ appId, messageId }: { appId: string; messageId: string }) {
  const { kind } = useViewer()
  const { why, message, attempts } = useMessage(appId, messageId)
  const app = useAppName(appId, kind === 'operator')
  const t = text.message
  const crumbs = kind === 'operator' ? [{ to: `/apps/${appId}`, words: app }, { to: `/apps/${appId}/messages`, words: t.messages }] : [{ to: '/messages', words: t.messages }]
  const error = why.error ?? message.error
  const title = message.data ? legible(message.data.eventType) : t.title
  const deliveries = why.data?.deliveries ?? []
  return (
    <Page title={title} heading={<><bdi>{title}</bdi> <code className="small muted">{messageId}</code> <CopyButton value={messageId} label={t.copyId} /></>} crumbs={crumbs} actions={<ResendAll appId={appId} messageId={messageId} deliveries={deliveries} />}>
      {error ? <Problem error={error} onRetry={() => Promise.all([why.refetch(), message.refetch()])} /> : !why.data || !message.data ? <Loading lines={8} /> : (
        <>
          <Verdict why={why.data} appId={appId} attempts={attempts.rows} />
          {deliveries.length > 0
            ? <Waterfall line={timelineOf(message.data.timestamp, deliveries, attempts.rows)} appId={appId} messageId={messageId} canResend />
            : <Empty title={t.noDelivery}>{t.noDeliveryHelp}</Empty>}
          {attempts.more && <div className="row"><Button onPress={attempts.more}>{t.moreAttempts}</Button></div>}
          <div className="message-halves">
            <PayloadCard appId={appId} messageId={messageId} />
            <Facts message={message.data} />
          </div>
        </>
      )}
      <AttemptDrawer appId={appId} messageId={messageId} />
    </Page>
  )
}

function ResendAll({ appId, messageId, deliveries }: { appId: string; messageId: string; deliveries: Delivery[] }) {
  const { may } = useViewer()
  const [asking, setAsking] = useState(false)
  const again = useAgain(appId, messageId)
  const t = text.message
  if (!may('CreateAttempts') || deliveries.length === 0) return null
  const all = async () => {
    const done = await Promise.allSettled(deliveries.map((d) => resend(appId, messageId, d.endpointId)))
    await again()
    const failed = done.filter((d) => d.status === 'rejected')
    if (failed.length > 0) throw failed[0]!.reason
    toast(t.resent(deliveries.length))
  }
  return (
    <>
      <Button icon="replay" onPress={() => setAsking(true)}>{deliveries.length === 1 ? t.resend : t.resendAll}</Button>
      <Confirm open={asking} onClose={() => setAsking(false)} title={t.resendTitle} action={t.resendNow(deliveries.length)} onConfirm={all}>
        <p>{t.resendHelp}</p>
        <ul>{deliveries.map((d) => <li key={d.endpointId}><bdi>{legible(d.url)}</bdi></li>)}</ul>
      </Confirm>
    </>
  )
}

function Facts({ message: m }: { message: Message }) {
  const { to } = useViewer()
  const t = text.message
  const rows: [string, ReactNode][] = [
    [t.eventType, <Link key="e" to={to.eventType(m.eventType)}><bdi>{legible(m.eventType)}</bdi></Link>],
    [t.acceptedAt, <Time key="t" at={m.timestamp} full />],
  ]
  if (m.eventId) rows.push([t.eventId, <span key="i" className="row"><code>{legible(m.eventId)}</code><CopyButton value={m.eventId} label={t.copyEventId} /></span>])
  if (m.channels?.length) rows.push([t.channels, <Chips key="c" words={m.channels} />])
  if (m.tags?.length) rows.push([t.tags, <Chips key="g" words={m.tags} />])
  if (m.deliverAt) rows.push([t.deliverAt, <Time key="d" at={m.deliverAt} full />])
  if (m.expiresAt) rows.push([t.expiresAt, <Time key="x" at={m.expiresAt} full />])
  if (m.inbound) rows.push([t.receivedFrom, `${m.inbound.provider} · ${m.inbound.method} ${legible(m.inbound.path)}`])
  return (
    <section className="card" aria-label={t.facts}>
      <h2>{t.facts}</h2>
      <dl className="facts">{rows.map(([name, value]) => <div key={name} className="facts-row"><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
    </section>
  )
}

const Chips = ({ words }: { words: string[] }) => <span className="row">{words.map((w) => <Chip key={w} tone="idle"><bdi>{legible(w)}</bdi></Chip>)}</span>
