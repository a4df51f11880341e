import { useState } from 'react'
import { ApiError, client, type OwnShapes } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { Button, Chip, Confirm, legible, Select, Time, wordsOf } from '../../ui'
import { useChanged, type Place } from './data'

type Saved = OwnShapes['EndpointConsentOut']

const methods = ['challenge', 'challengeGet', 'cloudevents', 'test'] as const

/** Consent is whether the receiver agreed to be sent to; until it does nothing is sent. */
export function Consent({ place, saved }: { place: Place; saved: Saved }) {
  const { may, owns } = useViewer()
  const changed = useChanged(place)
  const [method, setMethod] = useState(saved.method ?? 'challenge')
  const [problem, setProblem] = useState<unknown>(null)
  const [open, setOpen] = useState<'' | 'ask' | 'waive'>('')
  const t = text.endpoint.consent
  const path = { params: { path: place } }
  const manages = may('ManageEndpoint')
  const at = problem instanceof ApiError ? problem.fields.find((f) => f.path === 'method')?.message : undefined
  const ask = async () => {
    setProblem(null)
    try {
      await client.POST('/x/v1/app/{app_id}/endpoint/{endpoint_id}/consent', { ...path, body: { method } })
    } catch (e) {
      setProblem(e)
    }
    await changed()
  }
  const waive = async () => {
    await client.DELETE('/x/v1/app/{app_id}/endpoint/{endpoint_id}/consent', path)
    await changed()
  }
  return (
    <section className="card stack">
      <h2>{t.title}</h2>
      <p className="muted">{t.help}</p>
      <State saved={saved} />
      {manages && (
        <>
          <Select label={t.method} value={method} onValue={setMethod} options={methods.map((m) => [m, t.methods[m]] as const)} error={at} />
          {problem !== null && !at && <div className="note bad" role="alert">{wordsOf(problem)}</div>}
          <div className="row">
            <Button look="primary" icon="send" onPress={saved.required && !saved.verified ? ask : () => setOpen('ask')}>{t.ask}</Button>
            {saved.required && owns('endpoint:write') && <Button onPress={() => setOpen('waive')}>{t.waive}</Button>}
          </div>
        </>
      )}
      <Confirm open={open === 'ask'} onClose={() => setOpen('')} title={t.askTitle} action={t.ask} onConfirm={ask}><p>{t.askHelp}</p></Confirm>
      <Confirm open={open === 'waive'} onClose={() => setOpen('')} title={t.waive} action={t.waive} danger onConfirm={waive}><p>{t.waiveHelp}</p></Confirm>
    </section>
  )
}

function State({ saved: s }: { saved: Saved }) {
  const t = text.endpoint.consent
  if (!s.required) return <p>{t.notRequired}</p>
  if (s.verified) return <p className="row"><Chip tone="ok" icon="check">{t.agreed}</Chip> {s.verifiedAt && <Time at={s.verifiedAt} full />} {s.ratePerMinute !== null && t.rate(s.ratePerMinute)}</p>
  return (
    <div className="stack tight">
      <p className="row"><Chip tone="warn" icon="clock">{t.waiting}</Chip> {s.askedAt && <span className="muted">{t.asked} <Time at={s.askedAt} /></span>} {s.nextAskAt && <span className="muted">{t.next} <Time at={s.nextAskAt} /></span>}</p>
      {s.error && <div className="note bad break" role="status">{legible(s.error)}</div>}
    </div>
  )
}
