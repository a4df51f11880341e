// What was sent to an application.
import { client } from '../api/client'
import { useList } from '../api/list'
import { useViewer } from '../api/viewer'
import { text } from '../text'
import { Empty, Link, Listing, Table, Time } from '../ui'

export function ApplicationMessages({ appId }: { appId: string }) {
  const viewer = useViewer()
  const list = useList(['messages', appId], (iterator) => client.GET('/api/v1/app/{app_id}/msg', { params: { path: { app_id: appId }, query: { limit: 50, with_content: false, iterator } } }), { every: 10_000 })
  const t = text.applications
  return (
    <Listing list={list} whenEmpty={<Empty title={t.noMessage}>{t.noMessageHelp}</Empty>}>
      <Table
        label={t.messages}
        rows={list.rows}
        rowKey={(m) => m.id}
        onMore={list.more}
        columns={[
          { head: t.eventType, cell: (m) => <Link to={viewer.to.message(appId, m.id)}>{m.eventType}</Link> },
          { head: t.id, cell: (m) => <code>{m.id}</code> },
          { head: t.eventId, cell: (m) => m.eventId ?? '' },
          { head: t.accepted, cell: (m) => <Time at={m.timestamp} /> },
        ]}
      />
    </Listing>
  )
}
