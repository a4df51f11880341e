import { useQuery } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import { client, type Shapes } from '../../api/client'
import { text } from '../../text/dashboard'
import { Button, Input, Loading, Problem, Select, Switch, TextArea, toast, toastError, wordsOf } from '../../ui'

type Type = Shapes['EventTypeOut']
type Props = { type: Type; onChange: () => Promise<void>; writes: boolean }

export function SettingsPane(props: Props) {
  return <div className="grid"><About {...props} /><Validation {...props} /><Redaction {...props} /><Retention {...props} /></div>
}

function About({ type, onChange, writes }: Props) {
  const t = text.eventTypes
  const [description, setDescription] = useState(type.description)
  const [group, setGroup] = useState(type.groupName ?? '')
  const [flags, setFlags] = useState((type.featureFlags ?? []).join(', '))
  const [deprecated, setDeprecated] = useState(type.deprecated)
  const [problem, setProblem] = useState('')
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    setProblem('')
    try {
      const featureFlags = flags.split(/[\s,]+/).filter(Boolean)
      await client.PATCH('/api/v1/event-type/{event_type_name}', {
        params: { path: { event_type_name: type.name } },
        body: { description, groupName: group || null, featureFlags: featureFlags.length ? featureFlags : null, deprecated },
      })
      toast(t.saved)
      await onChange()
    } catch (error) {
      setProblem(wordsOf(error))
    }
  }
  return (
    <form className="card stack" onSubmit={submit}>
      <h2>{t.about}</h2>
      <TextArea label={t.description} error={problem} value={description} onValue={setDescription} disabled={!writes} />
      <Input label={t.group} value={group} onValue={setGroup} disabled={!writes} />
      <Input label={t.flag} help={t.flagHelp} value={flags} onValue={setFlags} disabled={!writes} />
      <Switch label={t.deprecated} checked={deprecated} onValue={setDeprecated} disabled={!writes} />
      {writes && <div><Button look="primary" type="submit">{text.common.save}</Button></div>}
    </form>
  )
}

function Validation({ type, onChange, writes }: Props) {
  const t = text.eventTypes
  const set = async (enabled: boolean) => {
    try {
      await client.PUT('/x/v1/event-type/{event_type_name}/validation', { params: { path: { event_type_name: type.name } }, body: { enabled } })
      await onChange()
    } catch (e) {
      toastError(e)
    }
  }
  return <section className="card"><h2>{t.validation}</h2><Switch label={t.validationSwitch} help={t.validationHelp} checked={type.validation} onValue={set} disabled={!writes} /></section>
}

function Redaction({ type, onChange, writes }: Props) {
  const t = text.eventTypes
  const [paths, setPaths] = useState((type.redact ?? []).join('\n'))
  const [problem, setProblem] = useState('')
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    setProblem('')
    try {
      await client.PUT('/x/v1/event-type/{event_type_name}/redaction', { params: { path: { event_type_name: type.name } }, body: { redact: paths.split('\n').map((p) => p.trim()).filter(Boolean) } })
      toast(t.saved)
      await onChange()
    } catch (error) {
      setProblem(wordsOf(error))
    }
  }
  return (
    <form className="card stack" onSubmit={submit}>
      <h2>{t.redaction}</h2>
      <TextArea label={t.redactionPaths} help={t.redactionHelp} error={problem} className="input mono" spellCheck={false} value={paths} onValue={setPaths} disabled={!writes} />
      {writes && <div><Button type="submit">{text.common.save}</Button></div>}
    </form>
  )
}

function Retention({ type, writes }: Props) {
  const path = { event_type_name: type.name }
  const query = useQuery({ queryKey: ['event-type', type.name, 'retention'], queryFn: async () => (await client.GET('/x/v1/event-type/{event_type_name}/retention', { params: { path } })).data! })
  if (query.isPending) return <section className="card"><Loading lines={2} /></section>
  if (query.error) return <Problem error={query.error} onRetry={query.refetch} />
  return <RetentionForm now={query.data} writes={writes} onSave={async (body) => {
    await client.PUT('/x/v1/event-type/{event_type_name}/retention', { params: { path }, body })
    await query.refetch()
  }} />
}

function RetentionForm({ now, writes, onSave }: { now: { days: number | null; hours: number | null }; writes: boolean; onSave: (body: { days?: number; hours?: number }) => Promise<void> }) {
  const t = text.eventTypes
  const [unit, setUnit] = useState(now.hours !== null && now.days === null ? 'hours' : 'days')
  const [value, setValue] = useState(String((now.days ?? now.hours) ?? ''))
  const [problem, setProblem] = useState('')
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    setProblem('')
    try {
      await onSave(value.trim() === '' ? {} : { [unit]: Number(value) })
      toast(t.saved)
    } catch (error) {
      setProblem(wordsOf(error))
    }
  }
  return (
    <form className="card stack" onSubmit={submit}>
      <h2>{t.retention}</h2>
      <Input label={t.keepFor} help={t.keepHelp} error={problem} type="number" min={1} value={value} onValue={setValue} disabled={!writes} />
      <Select label={t.unit} value={unit} onValue={setUnit} options={[['days', t.days], ['hours', t.hours]]} disabled={!writes} />
      {writes && <div><Button type="submit">{text.common.save}</Button></div>}
    </form>
  )
}
