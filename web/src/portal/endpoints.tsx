// P1: the endpoints of the customer.
import { client } from '../api/client'
import { useList } from '../api/list'
import { useViewer } from '../api/viewer'
import { text } from '../text'
import { Empty, Listing, Page, Table } from '../ui'

export function Endpoints() {
  const appId = useViewer().appId!
  const list = useList(['endpoints', appId], (iterator) => client.GET('/api/v1/app/{app_id}/endpoint', { params: { path: { app_id: appId }, query: { limit: 50, iterator } } }))
  const t = text.portal
  return (
    <Page title={t.endpoints}>
      <Listing list={list} whenEmpty={<Empty title={t.noEndpoint}>{t.noEndpointHelp}</Empty>}>
        <Table label={t.endpoints} rows={list.rows} rowKey={(e) => e.id} onMore={list.more} columns={[
          { head: t.url, cell: (e) => e.url },
          { head: t.description, cell: (e) => e.description },
        ]} />
      </Listing>
    </Page>
  )
}
