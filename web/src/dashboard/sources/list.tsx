// O11: where webhooks of others come in.
import { client } from '../../api/client'
import { useList } from '../../api/list'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { CopyButton, Empty, Link, Listing, Page, Table, Time } from '../../ui'
import './sources.css'

export function Sources() {
  const t = text.sources
  const { owns } = useViewer()
  const list = useList(['sources'], (iterator) => client.GET('/ingest/api/v1/source', { params: { query: { limit: 50, order: 'descending', iterator } } }))
  const add = owns('source:write') && <Link className="button primary" to="/sources/new">{t.add}</Link>
  return (
    <Page title={t.title} actions={add}>
      <Listing list={list} whenEmpty={<Empty title={t.empty}>{t.emptyHelp}</Empty>}>
        <Table label={t.title} rows={list.rows} rowKey={(s) => s.id} onMore={list.more} columns={[
          { head: t.name, cell: (s) => <Link to={`/sources/${s.id}`}>{s.name}</Link> },
          { head: t.provider, cell: (s) => s.type },
          { head: t.url, cell: (s) => (s.ingestUrl ? <span className="row source-url"><code className="ellipsis" title={s.ingestUrl}>{s.ingestUrl}</code><CopyButton value={s.ingestUrl} label={t.copyUrl} /></span> : t.noUrl) },
          { head: t.created, cell: (s) => <Time at={s.createdAt} /> },
        ]} />
      </Listing>
    </Page>
  )
}
