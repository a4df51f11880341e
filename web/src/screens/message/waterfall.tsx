// Every attempt at every endpoint on one line of time.
import { useState } from 'react'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { milliseconds } from '../../text/format'
import { Button, Icon, Link, Table, Time, legible, toast, useSearch } from '../../ui'
import { Said } from './said'
import { resend, useAgain, type Attempt } from './data'
import { AttemptState, attemptTone, attemptWords, DeliveryState } from './state'
import { PhaseBar } from './phases'
import { placeOn, ticksOf, type Row, type Scale, type Timeline } from './timeline'
import './waterfall.css'

type Place = { scale: Scale; begin: number; span: number }

export function Waterfall({ line, appId, messageId, canResend }: { line: Timeline; appId: string; messageId: string; canResend: boolean }) {
  const [search, set] = useSearch()
  const [looked, setLooked] = useState<Attempt>()
  const t = text.message
  const scale: Scale = search.scale === 'true' ? 'true' : 'even'
  const place: Place = { scale, begin: line.begin, span: line.span }
  const asTable = search.view === 'table'
  return (
    <section className="card stack tight message-attempts" aria-label={t.deliveries}>
      <div className="spread">
        <h2>{t.deliveries}</h2>
        <div className="row">
          {!asTable && <Button look="quiet" aria-pressed={scale === 'true'} onPress={() => set({ scale: scale === 'true' ? '' : 'true' })}>{t.trueScale}</Button>}
          <Button look="quiet" onPress={() => set({ view: asTable ? '' : 'table' })}>{asTable ? text.common.asChart : text.common.asTable}</Button>
        </div>
      </div>
      {asTable ? <AsTable line={line} /> : (
        <>
          <ul className="plain waterfall">
            {line.rows.map((row) => <Line key={row.delivery.endpointId} row={row} place={place} appId={appId} messageId={messageId} canResend={canResend} onLook={setLooked} />)}
            <li className="waterfall-axis" aria-hidden="true">
              <span className="waterfall-tick" style={{ insetInlineStart: 0 }}>{t.accepted}</span>
              {ticksOf(scale, line.span).map((tick) => <span key={tick.ms} className="waterfall-tick" style={{ insetInlineStart: `${tick.at * 100}%` }}>{t.after(span(tick.ms))}</span>)}
            </li>
          </ul>
          <div className="waterfall-look">{looked ? <Look attempt={looked} /> : <p className="muted small">{t.lookHelp}</p>}</div>
        </>
      )}
    </section>
  )
}

// span writes a round time after the begin: 5 min, 2 h, 3 d.
const span = (ms: number): string => (ms < 3_600_000 ? milliseconds(ms) : ms < 86_400_000 ? text.message.hours(ms / 3_600_000) : text.message.days(ms / 86_400_000))

function Line({ row, place, appId, messageId, canResend, onLook }: { row: Row; place: Place; appId: string; messageId: string; canResend: boolean; onLook: (a: Attempt) => void }) {
  const { to, may } = useViewer()
  const again = useAgain(appId, messageId)
  const { delivery: d, attempts, due } = row
  const t = text.message
  const url = legible(d.url)
  const x = (ms: number) => placeOn(place.scale, ms - place.begin, place.span)
  return (
    <li className="waterfall-row">
      <div className="waterfall-head">
        <Link className="ellipsis" to={to.endpoint(appId, d.endpointId)} title={url}><bdi>{url}</bdi></Link>
        <span className="row">
          <DeliveryState delivery={d} />
          {canResend && may('CreateAttempts') && (
            <Button look="quiet" icon="replay" label={t.resendTo(url)} onPress={async () => { await resend(appId, messageId, d.endpointId); toast(t.resent(1)); await again() }} />
          )}
        </span>
      </div>
      <div className="waterfall-track">
        {attempts.slice(1).map((a, i) => <Gap key={a.id} from={x(Date.parse(attempts[i]!.timestamp))} to={x(Date.parse(a.timestamp))} />)}
        {due !== undefined && attempts.length > 0 && <Gap from={x(Date.parse(attempts.at(-1)!.timestamp))} to={x(due)} />}
        {attempts.map((a) => <Bar key={a.id} attempt={a} from={x(Date.parse(a.timestamp))} to={x(Date.parse(a.timestamp) + a.responseDurationMs)} after={Date.parse(a.timestamp) - place.begin} onLook={onLook} />)}
        {due !== undefined && <span className="waterfall-due" style={{ insetInlineStart: `${x(due) * 100}%` }} title={t.due}><Icon name="clock" /><span className="sr-only">{t.due} </span></span>}
      </div>
      <p className="small muted waterfall-said"><Said words={d.verdict} /></p>
    </li>
  )
}

const Gap = ({ from, to }: { from: number; to: number }) => <span className="waterfall-gap" style={{ insetInlineStart: `${from * 100}%`, inlineSize: `${(to - from) * 100}%` }} />

function Bar({ attempt: a, from, to, after, onLook }: { attempt: Attempt; from: number; to: number; after: number; onLook: (a: Attempt) => void }) {
  const [, set] = useSearch()
  const label = text.message.bar(a.hookloft?.n ?? 1, attemptWords(a), milliseconds(a.responseDurationMs), span(Math.max(0, after)))
  return (
    <button
      type="button" className={`waterfall-bar ${attemptTone(a)}`} aria-label={label} title={label}
      style={{ insetInlineStart: `${from * 100}%`, inlineSize: `${(to - from) * 100}%` }}
      onPointerEnter={() => onLook(a)} onFocus={() => onLook(a)} onClick={() => set({ attempt: a.id }, { push: true })}
    />
  )
}

function Look({ attempt: a }: { attempt: Attempt }) {
  const t = text.message
  return (
    <div className="stack tight">
      <div className="row small"><strong>{t.attempt(a.hookloft?.n ?? 1)}</strong><AttemptState attempt={a} /><Time at={a.timestamp} full /><span className="muted">{milliseconds(a.responseDurationMs)}</span>{a.hookloft?.reason && <code>{a.hookloft.reason}</code>}</div>
      <PhaseBar attempt={a} />
    </div>
  )
}

function AsTable({ line }: { line: Timeline }) {
  const t = text.message
  const rows = line.rows.flatMap(({ delivery, attempts }) => attempts.map((attempt) => ({ delivery, attempt })))
  const ms = (pick: (timings: NonNullable<Attempt['hookloft']>['timings']) => number) => ({ attempt }: { attempt: Attempt }) => {
    const value = attempt.hookloft && pick(attempt.hookloft.timings)
    return value ? milliseconds(value) : '–'
  }
  return (
    <Table label={t.attempts} rows={rows} rowKey={(r) => r.attempt.id} columns={[
      { head: t.endpoint, cell: (r) => <bdi className="waterfall-url">{legible(r.delivery.url)}</bdi> },
      { head: t.attemptNumber, number: true, cell: (r) => r.attempt.hookloft?.n ?? '–' },
      { head: t.state, cell: (r) => <Link to={`.?attempt=${r.attempt.id}&view=table`}><AttemptState attempt={r.attempt} /></Link> },
      { head: t.time, cell: (r) => <Time at={r.attempt.timestamp} full /> },
      { head: t.took, number: true, cell: (r) => milliseconds(r.attempt.responseDurationMs) },
      { head: t.phase.dns, number: true, cell: ms((x) => x.dnsMs) },
      { head: t.phase.connect, number: true, cell: ms((x) => x.connectMs) },
      { head: t.phase.tls, number: true, cell: ms((x) => x.tlsMs) },
      { head: t.phase.wait, number: true, cell: ms((x) => x.firstByteMs) },
      { head: t.phase.read, number: true, cell: ms((x) => x.bodyMs) },
    ]} />
  )
}
