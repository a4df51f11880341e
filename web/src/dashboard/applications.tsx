// O3: every application.
import { client } from '../api/client'
import { useList } from '../api/list'
import { text } from '../text'
import { CopyButton, Empty, Link, Listing, Page, Table, Time } from '../ui'

export function Applications() {
  const list = useList(['apps'], (iterator) => client.GET('/api/v1/app', { params: { query: { limit: 50, order: 'descending', iterator } } }))
  const t = text.applications
  return (
    <Page title={t.title}>
      <Listing list={list} whenEmpty={<Empty title={t.empty}>{t.emptyHelp}</Empty>}>
        <Table
          label={t.title}
          rows={list.rows}
          rowKey={(a) => a.id}
          onMore={list.more}
          columns={[
            { head: t.name, cell: (a) => <Link to={`/apps/${a.id}`}>{a.name || a.id}</Link> },
            { head: t.uid, cell: (a) => a.uid ?? '' },
            { head: t.id, cell: (a) => <span className="row"><code>{a.id}</code><CopyButton value={a.id} /></span> },
            { head: t.created, cell: (a) => <Time at={a.createdAt} /> },
          ]}
        />
      </Listing>
    </Page>
  )
}
