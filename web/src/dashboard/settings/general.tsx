// O14: what holds for all applications of the environment.
import { useState, type FormEvent } from 'react'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { Button, Input, Loading, Problem, Switch, toast, toastError, wordsOf } from '../../ui'
import { useSettings, type Settings } from './environment'
import { Frame } from './frame'
import { RetrySchedule } from './retry'
import './settings.css'

const groups = [
  ['endpoints', ['enforceHttps', 'requireEndpointFilterTypes', 'requireEndpointChannel', 'requireEndpointConsent', 'disableEndpointOnFailure', 'disableEndpointOnGone']],
  ['portal', ['readOnly', 'enableTransformations', 'enableEndpointOauthConfig', 'enableEndpointMtlsConfig']],
  ['requests', ['whitelabelHeaders', 'sendSvixWebhookHeaders', 'sendTraceparent']],
  ['content', ['sealContent', 'wipeSuccessfulPayload']],
] as const
// What is on where nothing is said.
const onByDefault = ['enableTransformations', 'enableEndpointOauthConfig', 'enableEndpointMtlsConfig']

export function General() {
  const t = text.settings
  const settings = useSettings()
  const { owns } = useViewer()
  const writes = owns('settings:write')
  if (settings.isPending) return <Frame title={t.general}><Loading /></Frame>
  if (settings.error) return <Frame title={t.general}><Problem error={settings.error} onRetry={settings.refetch} /></Frame>
  const now = settings.data
  const set = async (name: string, value: boolean) => {
    try {
      await settings.patch({ [name]: value })
      toast(t.saved)
    } catch (e) {
      toastError(e)
    }
  }
  return (
    <Frame title={t.general}>
      <div className="grid looks">
        {groups.map(([name, keys]) => (
          <section key={name} className="card stack">
            <h2>{t.groups[name]}</h2>
            {keys.map((k) => <Switch key={k} label={t.switches[k][0]!} help={t.switches[k][1]} checked={now[k] === undefined ? onByDefault.includes(k) : Boolean(now[k])} disabled={!writes} onValue={(v) => set(k, v)} />)}
            {name === 'endpoints' && <Number name="endpointsPerAppLimit" now={now} patch={settings.patch} writes={writes} />}
            {name === 'content' && <Number name="retentionDays" now={now} patch={settings.patch} writes={writes} />}
          </section>
        ))}
        <RetrySchedule now={now.retryPolicy} patch={settings.patch} writes={writes} />
      </div>
    </Frame>
  )
}

function Number({ name, now, patch, writes }: { name: 'endpointsPerAppLimit' | 'retentionDays'; now: Settings; patch: (c: Record<string, unknown>) => Promise<void>; writes: boolean }) {
  const [value, setValue] = useState(String(now[name] ?? ''))
  const [problem, setProblem] = useState('')
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    setProblem('')
    try {
      await patch({ [name]: value.trim() === '' ? null : globalThis.Number(value) })
      toast(text.settings.saved)
    } catch (error) {
      setProblem(wordsOf(error))
    }
  }
  const [label, help] = text.settings.numbers[name]
  return (
    <form className="row task-pace" onSubmit={submit}>
      <Input label={label!} help={help} error={problem} type="number" min={1} value={value} onValue={setValue} disabled={!writes} />
      {writes && <Button type="submit" label={text.settings.saveOf(label!)}>{text.common.save}</Button>}
    </form>
  )
}
