import { useQueryClient } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { client } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { Button, Chip, Code, Confirm, CopyButton, Dialog, Icon, Link, Loading, Menu, Page, Problem, Select, Table, Tabs, Time, toast, useGo, useSearch } from '../../ui'
import { Counts } from './counts'
import { Routes } from './routes'
import { SourceSettingsPane } from './settings'
import { useRequests, useSource, useSourceSettings, type Request } from './source'
import './sources.css'

export function SourcePage() {
  const t = text.sources
  const { id = '' } = useParams({ strict: false })
  const source = useSource(id)
  const settings = useSourceSettings(id)
  const requests = useRequests(id, settings.data?.applicationId)
  const { owns } = useViewer()
  const queries = useQueryClient()
  const go = useGo()
  const [asking, setAsking] = useState<'rotate' | 'remove' | null>(null)
  const crumbs = [{ to: '/sources', words: t.title }]
  if (source.isPending || settings.isPending) return <Page title={t.source} crumbs={crumbs}><Loading /></Page>
  const problem = source.error ?? settings.error
  if (problem) return <Page title={t.source} crumbs={crumbs}><Problem error={problem} onRetry={() => { void source.refetch(); void settings.refetch() }} /></Page>
  const s = source.data!, app = settings.data!.applicationId
  return (
    <Page title={s.name} crumbs={crumbs} actions={<>
      <Chip tone="accent">{settings.data!.provider?.title ?? s.type}</Chip>
      {owns('source:write') && <Menu entries={[
        { words: t.newUrl, icon: 'key', disabled: !s.ingestUrl, onPress: () => setAsking('rotate') },
        { words: t.remove, icon: 'cross', danger: true, onPress: () => setAsking('remove') },
      ]} />}
    </>}>
      {s.ingestUrl && <div className="card stack tight"><h2>{t.url}</h2><div className="row"><code className="source-address">{s.ingestUrl}</code><CopyButton value={s.ingestUrl}>{t.copyUrl}</CopyButton></div></div>}
      <Waiting requests={requests.data} />
      <Tabs label={s.name} tabs={[
        { id: 'requests', words: t.requests, content: () => <Requests requests={requests.data} error={requests.error} app={app} /> },
        { id: 'counts', words: t.counts, content: () => <Counts id={id} /> },
        { id: 'routes', words: t.routes, content: () => <Routes source={s} app={app} /> },
        { id: 'settings', words: t.settings, content: () => <SourceSettingsPane now={settings.data!} source={s} /> },
      ]} />
      <Confirm open={asking === 'rotate'} onClose={() => setAsking(null)} title={t.newUrl} action={t.newUrl} onConfirm={async () => {
        await client.POST('/ingest/api/v1/source/{source_id}/token/rotate', { params: { path: { source_id: id } } })
        toast(t.urlIsNew)
        await queries.invalidateQueries({ queryKey: ['source', id] })
      }}><p>{t.newUrlHelp}</p></Confirm>
      <Confirm open={asking === 'remove'} onClose={() => setAsking(null)} danger title={t.removeTitle(s.name)} action={t.remove} onConfirm={async () => {
        await client.DELETE('/ingest/api/v1/source/{source_id}', { params: { path: { source_id: id } } })
        void queries.invalidateQueries({ queryKey: ['list', 'sources'] })
        go('/sources')
      }}><p>{t.removeHelp}</p></Confirm>
    </Page>
  )
}

/** Waiting says, while it happens, whether the first request has come and whether it was genuine. */
function Waiting({ requests }: { requests: Request[] | undefined }) {
  const t = text.sources
  if (!requests || requests.length > 3) return null
  const last = requests[0]
  if (!last) return <div className="note row" role="status"><Icon name="spinner" spin />{t.waiting}</div>
  return last.kind === 'accepted'
    ? <div className="note ok" role="status">{t.genuine(last.type)}</div>
    : <div className="note bad" role="status">{t.notGenuine(last.status, last.reason)}</div>
}

function Requests({ requests, error, app }: { requests: Request[] | undefined; error: unknown; app: string }) {
  const t = text.sources
  const { to } = useViewer()
  const [search, setSearch] = useSearch()
  if (!requests) return error ? <Problem error={error} /> : <Loading />
  const shown = requests.filter((r) => !search.show || r.kind === search.show)
  const opened = requests.find((r) => r.kind === 'rejected' && r.id === search.log)
  return (
    <div className="stack">
      <div className="row"><Select label={t.show} value={search.show ?? ''} onValue={(show) => setSearch({ show })} options={[['', t.all], ['accepted', t.accepted], ['rejected', t.rejected]]} /></div>
      {shown.length === 0 ? <p className="muted">{t.noRequest}</p> : (
        <Table label={t.requests} rows={shown} rowKey={(r) => r.id} columns={[
          { head: t.at, cell: (r) => <Time at={r.at} full /> },
          { head: t.verdict, cell: (r) => (r.kind === 'accepted' ? <Chip tone="ok">{t.accepted}</Chip> : <Chip tone="bad">{t.rejectedWith(r.status)}</Chip>) },
          { head: t.what, cell: (r) => (r.kind === 'accepted' ? <code>{r.type}</code> : <span className="source-reason">{r.reason}</span>) },
          { head: t.details, cell: (r) => (r.kind === 'accepted' ? <Link to={to.message(app, r.id)}>{t.message}</Link> : <Button onPress={() => setSearch({ log: r.id })}>{t.request}</Button>) },
        ]} />
      )}
      {opened?.kind === 'rejected' && (
        <Dialog open drawer onClose={() => setSearch({ log: '' })} title={t.rejectedWith(opened.status)}>
          <div className="note bad">{opened.reason}</div>
          <dl className="facts"><dt>{t.at}</dt><dd><Time at={opened.at} full /></dd><dt>{t.method}</dt><dd>{opened.log.method}</dd><dt>{t.from}</dt><dd>{opened.log.remote_addr}</dd></dl>
          <h3>{t.headers}</h3>
          <Code label={t.headers} value={Object.entries(opened.log.headers).map(([k, v]) => `${k}: ${v}`).join('\n')} />
          <h3>{t.body}</h3>
          {opened.log.payload_base64 && <p className="muted">{t.base64}</p>}
          <Code label={t.body} value={opened.log.payload} />
          {opened.log.payload_truncated && <p className="muted">{t.truncated}</p>}
        </Dialog>
      )}
    </div>
  )
}
