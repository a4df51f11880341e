// T11: a provider is picked, its secret is given, and the URL is there.
import { useQuery } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import { client, type OwnShapes } from '../../api/client'
import { text } from '../../text/dashboard'
import { Button, Input, Link, Loading, Page, Problem, Select, useGo, useSearch, wordsOf } from '../../ui'
import './sources.css'

type Provider = OwnShapes['ProviderOut']

export function AddSource() {
  const t = text.sources
  const [search, setSearch] = useSearch()
  const providers = useQuery({ queryKey: ['providers'], queryFn: async () => (await client.GET('/x/v1/provider')).data!.data, staleTime: Infinity })
  const crumbs = [{ to: '/sources', words: t.title }]
  if (providers.isPending) return <Page title={t.add} crumbs={crumbs}><Loading /></Page>
  if (providers.error) return <Page title={t.add} crumbs={crumbs}><Problem error={providers.error} onRetry={providers.refetch} /></Page>
  const picked = providers.data.find((p) => p.name === search.type)
  const wanted = (search.q ?? '').toLowerCase()
  const shown = providers.data.filter((p) => p.title.toLowerCase().includes(wanted) || p.name.includes(wanted))
  if (picked) return <Page title={t.addOf(picked.title)} crumbs={[...crumbs, { to: '/sources/new', words: t.pick }]}><Form key={picked.name} provider={picked} /></Page>
  return (
    <Page title={t.add} crumbs={crumbs}>
      <Input label={t.findProvider} type="search" value={search.q ?? ''} onValue={(q) => setSearch({ q })} />
      <ul className="plain tiles" aria-label={t.pick}>
        {shown.map((p) => <li key={p.name}><Link className="card tile" to={`/sources/new?type=${p.name}`}><strong>{p.title}</strong><span className="muted small">{t.families[p.family as keyof typeof t.families] ?? p.family}</span></Link></li>)}
      </ul>
      {shown.length === 0 && <p className="muted">{t.noProvider}</p>}
    </Page>
  )
}

function Form({ provider: p }: { provider: Provider }) {
  const t = text.sources
  const go = useGo()
  const [name, setName] = useState(p.title.length < 2 ? `${p.title} 1` : p.title)
  const [secret, setSecret] = useState('')
  const [config, setConfig] = useState<Record<string, string>>({})
  const [problem, setProblem] = useState('')
  const settings = p.config ?? []
  const field = (s: (typeof settings)[number]) => (s.values
    ? <Select key={s.name} label={s.name} help={s.summary} value={config[s.name] ?? ''} onValue={(v) => setConfig({ ...config, [s.name]: v })} options={[['', t.standard], ...s.values.map((v) => [v, v] as const)]} />
    : <Input key={s.name} label={s.name} help={s.summary} value={config[s.name] ?? ''} onValue={(v) => setConfig({ ...config, [s.name]: v })} spellCheck={false} />)
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    setProblem('')
    const given = Object.fromEntries([...(secret ? [['secret', secret]] : []), ...Object.entries(config).filter(([, v]) => v !== '').map(([k, v]) => [k, k === 'allowedTopicArns' || k === 'allowedOrigins' ? v.split(/[\s,]+/) : v])])
    try {
      const { data } = await client.POST('/ingest/api/v1/source', { body: { name, type: p.name, config: given as Record<string, never> } })
      go(`/sources/${data!.id}`)
    } catch (error) {
      setProblem(wordsOf(error))
    }
  }
  return (
    <form className="card stack source-form" onSubmit={submit}>
      <p>{p.summary}</p>
      <Input label={t.name} value={name} onValue={setName} required minLength={2} />
      {(p.secret || !p.secretOptional) && <Input label={t.secret} help={p.secret ?? undefined} type="password" autoComplete="off" value={secret} onValue={setSecret} />}
      {settings.filter((s) => s.required).map(field)}
      {settings.some((s) => !s.required) && <details><summary>{t.moreSettings}</summary><div className="stack">{settings.filter((s) => !s.required).map(field)}</div></details>}
      {p.handshake && <div className="note">{t.handshake(p.handshake)}</div>}
      {problem && <div className="note bad" role="alert">{problem}</div>}
      <div><Button look="primary" type="submit">{t.create}</Button></div>
    </form>
  )
}
