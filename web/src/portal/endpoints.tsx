// P1: the endpoints of the customer, how they are and how the last day went.
import { useViewer } from '../api/viewer'
import { Sparkline } from '../charts/sparkline'
import { RowState } from '../screens/endpoint/row-state'
import { text } from '../text'
import { percent } from '../text/format'
import { Button, Empty, legible, Link, Listing, Page, Table, useGo } from '../ui'
import { useDay, useEndpoints } from './data'

export function Endpoints() {
  const { appId, may, to } = useViewer()
  const go = useGo()
  const list = useEndpoints(appId!)
  // The sparklines of one call are for 100 endpoints; those further down are asked for as they come.
  const days = useDay(appId!, list.rows.slice(0, 100).map((e) => e.id))
  const t = text.portal
  const add = may('ManageEndpoint') && <Button look="primary" icon="plus" onPress={() => go('/endpoints/new')}>{t.addEndpoint}</Button>
  return (
    <Page title={t.endpoints} actions={add}>
      <Listing list={list} whenEmpty={<Empty title={t.noEndpoint}>{t.noEndpointHelp}</Empty>}>
        <Table label={t.endpoints} rows={list.rows} rowKey={(e) => e.id} onMore={list.more} columns={[
          { head: t.url, className: 'break', cell: (e) => <><Link to={to.endpoint(appId!, e.id)}>{legible(e.url)}</Link>{e.description && <div className="muted small break">{legible(e.description)}</div>}</> },
          { head: t.state, cell: (e) => <RowState appId={appId!} endpoint={e} /> },
          { head: t.day, cell: (e) => { const day = days.get(e.id); return day ? <Sparkline columns={day.buckets ?? []} /> : '–' } },
          { head: t.success, number: true, cell: (e) => { const day = days.get(e.id); return percent(day && day.ok + day.failed > 0 ? day.ok / (day.ok + day.failed) : null) } },
          { head: t.events, cell: (e) => <span className="break">{e.eventTypes?.length ? t.eventsChosen(e.eventTypes.length) : t.allEvents}</span> },
        ]} />
      </Listing>
    </Page>
  )
}
