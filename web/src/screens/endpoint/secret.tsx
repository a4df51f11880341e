import { useState } from 'react'
import { client } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { Button, Code, Confirm, Input, Select, Time } from '../../ui'
import { useChanged, type Place } from './data'

const hours = [['24', 24], ['0', 0], ['1', 1], ['72', 72], ['168', 168]] as const

/** Secret is what receivers verify with: shown when asked for, and replaced with a time in which both are good. */
export function Secret({ place }: { place: Place }) {
  const viewer = useViewer()
  const changed = useChanged(place)
  const [key, setKey] = useState('')
  const [grace, setGrace] = useState('24')
  const [own, setOwn] = useState('')
  const [until, setUntil] = useState<Date | null>(null)
  const [isAsking, setAsking] = useState(false)
  const t = text.endpoint
  const path = { params: { path: place } }
  const sees = viewer.may('ViewEndpointSecret')
  const reveal = async () => setKey((await client.GET('/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret', path)).data!.key)
  const rotate = async () => {
    const gracePeriodSeconds = Number(grace) * 3600
    await client.POST('/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret/rotate', { ...path, body: { gracePeriodSeconds, key: own.trim() || undefined } })
    setUntil(new Date(Date.now() + gracePeriodSeconds * 1000))
    setOwn('')
    setKey('')
    void changed()
    if (sees) await reveal()
  }
  return (
    <div className="stack">
      <section className="card stack tight">
        <h2>{t.signingSecret}</h2>
        <p className="muted">{t.secretHelp}</p>
        {!sees ? <p className="muted">{t.secretHidden}</p> : key ? <Code label={t.signingSecret} value={key} /> : <div><Button icon="key" onPress={reveal}>{t.reveal}</Button></div>}
        {key && <div><Button onPress={() => setKey('')}>{t.hide}</Button></div>}
      </section>
      {viewer.may('ManageEndpointSecret') && (
        <section className="card stack">
          <h2>{t.rotateTitle}</h2>
          <p>{Number(grace) > 0 ? t.rotateHelp(t.graces[grace as keyof typeof t.graces]) : t.rotateNowHelp}</p>
          <Select label={t.grace} value={grace} onValue={setGrace} options={hours.map(([value]) => [value, t.graces[value]] as const)} />
          <details>
            <summary>{t.ownKey}</summary>
            <Input label={t.ownKeyLabel} help={t.ownKeyHelp} type="password" autoComplete="off" value={own} onValue={setOwn} />
          </details>
          <div><Button look="primary" icon="replay" onPress={Number(grace) > 0 ? rotate : () => setAsking(true)}>{t.rotate}</Button></div>
          {until && <div className="note ok" role="status">{until.getTime() > Date.now() ? <>{t.rotated} <Time at={until} full /></> : t.rotatedNow}</div>}
          <Confirm open={isAsking} onClose={() => setAsking(false)} title={t.rotateTitle} action={t.rotate} danger onConfirm={rotate}><p>{t.rotateNowHelp}</p></Confirm>
        </section>
      )}
    </div>
  )
}
