// One attempt in full: what was sent, what came back, how long each step took.
import { useState } from 'react'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { bytes, milliseconds } from '../../text/format'
import { Button, Chip, CopyButton, Dialog, JsonView, legible, Link, Loading, Problem, Time, useSearch } from '../../ui'
import { Compare } from './compare'
import { ConnectionFacts } from './connection-facts'
import { Curl } from './curl'
import { useAttempt, usePayload, type Attempt } from './data'
import { Headers } from './headers'
import { PhaseBar } from './phases'
import { Said } from './said'
import { SignatureCheck } from './signature-check'
import { attemptTone, AttemptState } from './state'
import { NextStep } from './verdict'

/** AttemptDrawer is open while the address names an attempt. */
export function AttemptDrawer({ appId, messageId }: { appId: string; messageId: string }) {
  const [search, set] = useSearch()
  if (!search.attempt) return null
  return <Drawer key={search.attempt} appId={appId} messageId={messageId} attemptId={search.attempt} onClose={() => set({ attempt: '' })} />
}

function Drawer({ appId, messageId, attemptId, onClose }: { appId: string; messageId: string; attemptId: string; onClose: () => void }) {
  const query = useAttempt(appId, messageId, attemptId)
  const t = text.message
  const found = query.data
  return (
    <Dialog open onClose={onClose} drawer title={found ? t.attempt(found.attempt.hookloft?.n ?? 1) : t.attemptTitle}>
      {query.isPending ? <Loading /> : query.error ? <Problem error={query.error} onRetry={query.refetch} /> : <Content appId={appId} messageId={messageId} found={query.data} />}
    </Dialog>
  )
}

type Found = NonNullable<ReturnType<typeof useAttempt>['data']>

function Content({ appId, messageId, found: { attempt: a, headers, why } }: { appId: string; messageId: string; found: Found }) {
  const { to } = useViewer()
  const [comparing, setComparing] = useState(false)
  const t = text.message
  const detail = a.hookloft
  const endpointId = detail?.destinationId ?? a.endpointId
  return (
    <>
      <section className={`verdict ${attemptTone(a) === 'idle' ? 'warn' : attemptTone(a)}`} aria-label={t.verdict}>
        <div className="stack tight">
          <p className="verdict-words"><Said words={why.verdict} /></p>
          {why.nextStep && <p><strong>{t.nextStep}</strong> <Said words={why.nextStep} /></p>}
          {a.status !== 0 && <NextStep reason={why.reason ?? ''} appId={appId} messageId={messageId} endpointId={endpointId} attempt={a} />}
        </div>
      </section>
      <dl className="facts">
        <dt>{t.state}</dt><dd className="row"><AttemptState attempt={a} />{detail?.reason && <code>{detail.reason}</code>}{a.triggerType === 1 && <Chip tone="idle">{t.manual}</Chip>}</dd>
        <dt>{t.endpoint}</dt><dd><Link to={to.endpoint(appId, endpointId)}><bdi>{legible(a.url)}</bdi></Link></dd>
        <dt>{t.time}</dt><dd><Time at={a.timestamp} full /></dd>
        <dt>{t.took}</dt><dd>{milliseconds(a.responseDurationMs)}</dd>
        <dt>{t.address}</dt><dd>{detail?.remoteAddr || '–'}</dd>
        <ConnectionFacts attempt={a} />
        {detail?.nextAttempt && <><dt>{t.due}</dt><dd><Time at={detail.nextAttempt} /></dd></>}
        <dt>{t.attemptId}</dt><dd className="row"><code>{a.id}</code><CopyButton value={a.id} /></dd>
      </dl>
      <section className="stack tight"><h3>{t.timings}</h3><PhaseBar attempt={a} /></section>
      <Request appId={appId} messageId={messageId} attempt={a} headers={headers} />
      <Answer attempt={a} headers={headers} />
      {detail?.console && detail.console.length > 0 && <section className="stack tight"><h3>{t.console}</h3><div className="code"><pre tabIndex={0}>{detail.console.map(legible).join('\n')}</pre></div></section>}
      {a.status !== 0 && (
        <section className="stack tight">
          <h3>{t.compareTitle}</h3>
          {comparing ? <Compare appId={appId} attempt={a} headers={headers} /> : <div><Button onPress={() => setComparing(true)}>{t.compare}</Button></div>}
        </section>
      )}
    </>
  )
}

function Request({ appId, messageId, attempt: a, headers }: { appId: string; messageId: string; attempt: Attempt; headers: Found['headers'] }) {
  const { may } = useViewer()
  const [open, setOpen] = useState(false)
  const payload = usePayload(appId, messageId, open)
  const t = text.message
  return (
    <section className="stack tight">
      <h3>{t.request}</h3>
      <Headers label={t.sentHeaders} pairs={headers && Object.entries(headers.sentHeaders)} withheld={headers?.sensitive ?? []} whenNone={t.noSentHeaders} />
      {headers && Object.keys(headers.sentHeaders).length > 0 && <p className="muted small">{t.sentHelp}</p>}
      <div className="row">
        <Button onPress={() => setOpen(!open)} aria-expanded={open}>{t.body}</Button>
        {may('CreateAttempts') && <Curl appId={appId} messageId={messageId} endpointId={a.hookloft?.destinationId ?? a.endpointId} />}
        {may('ViewEndpointSecret') && headers && <SignatureCheck appId={appId} messageId={messageId} endpointId={a.endpointId} headers={headers.sentHeaders} />}
      </div>
      {open && (payload.isPending ? <Loading /> : payload.error ? <Problem error={payload.error} onRetry={payload.refetch} /> : payload.data ? <JsonView source={payload.data.text} label={t.requestBody} /> : <p className="muted">{t.contentGone}</p>)}
    </section>
  )
}

function Answer({ attempt: a, headers }: { attempt: Attempt; headers: Found['headers'] }) {
  const t = text.message
  const detail = a.hookloft
  if (!a.responseStatusCode) {
    return <section className="stack tight"><h3>{t.answer}</h3><p>{detail?.error ? legible(detail.error) : t.noAnswerCame}</p></section>
  }
  const pairs = headers?.responseHeaders ?? detail?.responseHeaders?.map((line) => split(line))
  return (
    <section className="stack tight">
      <h3>{t.answer} <span className="muted">{a.responseStatusCode}</span></h3>
      <Headers label={t.answerHeaders} pairs={pairs?.map(([name, value]) => [name ?? '', value ?? ''])} withheld={[]} whenNone={t.noAnswerHeaders} />
      {a.response === '' ? <p className="muted">{t.emptyBody}</p> : (
        <>
          {detail?.responseBase64 && <p className="muted small">{t.base64}</p>}
          {detail?.bodyTruncated && <p className="muted small">{t.truncated}</p>}
          {detail?.bodyIncomplete && <p className="muted small">{t.incomplete}</p>}
          <JsonView source={a.response} label={t.answerBody} />
          <p className="muted small">{bytes(new Blob([a.response]).size)}</p>
        </>
      )}
    </section>
  )
}

function split(line: string): [string, string] {
  const colon = line.indexOf(':')
  return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).trim()]
}
