// Where an application's messages go.
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { client } from '../api/client'
import { useList } from '../api/list'
import { useSparklines } from '../api/sparklines'
import { useViewer } from '../api/viewer'
import { Sparkline } from '../charts'
import { NewEndpoint } from '../screens/endpoint/new'
import { RowState } from '../screens/endpoint/row-state'
import { text } from '../text/dashboard'
import { Button, Empty, Link, Listing, Table, Time, useGo } from '../ui'

export function ApplicationEndpoints({ appId }: { appId: string }) {
  const viewer = useViewer()
  const go = useGo()
  const queries = useQueryClient()
  const [making, setMaking] = useState(false)
  const list = useList(['endpoints', appId], (iterator) => client.GET('/api/v1/app/{app_id}/endpoint', { params: { path: { app_id: appId }, query: { limit: 50, order: 'descending', iterator } } }))
  const sparks = useSparklines(list.rows.map((e) => e.id), { appId })
  const t = text.applications
  const create = viewer.may('ManageEndpoint') && <Button look="primary" icon="plus" onPress={() => setMaking(true)}>{t.newEndpoint}</Button>
  const made = (endpointId: string) => {
    void queries.invalidateQueries({ queryKey: ['list', 'endpoints', appId] })
    go(viewer.to.endpoint(appId, endpointId))
  }
  return (
    <div className="stack">
      <Listing list={list} whenEmpty={<Empty title={t.noEndpoint} action={create}>{t.noEndpointHelp}</Empty>}>
        {create && <div className="row">{create}</div>}
        <Table
          label={t.endpoints}
          rows={list.rows}
          rowKey={(e) => e.id}
          onMore={list.more}
          columns={[
            { head: t.state, cell: (e) => <RowState appId={appId} endpoint={e} /> },
            { head: t.url, cell: (e) => <><Link to={viewer.to.endpoint(appId, e.id)} className="break">{e.url}</Link>{e.description && <div className="muted small">{e.description}</div>}</> },
            { head: t.lastDay, cell: (e) => { const s = sparks.get(e.id); return s && <Sparkline columns={s.buckets} /> } },
            { head: t.events, cell: (e) => e.eventTypes?.length ? <span title={e.eventTypes.join('\n')}>{t.eventsOf(e.eventTypes)}</span> : t.allEvents },
            { head: t.created, cell: (e) => <Time at={e.createdAt} /> },
          ]}
        />
      </Listing>
      {making && <NewEndpoint appId={appId} onClose={() => setMaking(false)} onMade={made} />}
    </div>
  )
}
