// T11: a provider is picked, its secret is given, and the URL is there.
import { useState } from 'react'
import { client } from '../../api/client'
import { text } from '../../text/dashboard'
import { Button, Form as Fields, Input, Link, Loading, Page, Problem, useGo, useSearch } from '../../ui'
import { ConfigFields, configOf, type Config, type Provider } from './config'
import { useProviders } from './source'
import './sources.css'

export function AddSource() {
  const t = text.sources
  const [search, setSearch] = useSearch()
  const providers = useProviders()
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
  const [config, setConfig] = useState<Config>({})
  const create = async () => {
    const { data } = await client.POST('/ingest/api/v1/source', { body: { name, type: p.name, config: configOf(config) } })
    go(`/sources/${data!.id}`)
  }
  return (
    <Fields className="card stack source-form" onSave={create} footer={(busy) => <div><Button look="primary" type="submit" busy={busy}>{t.create}</Button></div>}>
      {(errorAt) => (
        <>
          <p>{p.summary}</p>
          <Input label={t.name} value={name} onValue={setName} required minLength={2} error={errorAt('name')} />
          {ConfigFields({ provider: p, config, onConfig: setConfig, errorAt })}
          {p.handshake && <div className="note">{t.handshake(p.handshake)}</div>}
        </>
      )}
    </Fields>
  )
}
