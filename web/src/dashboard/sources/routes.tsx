import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { client } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { number } from '../../text/format'
import { Button, Chip, Link, Loading, Problem, Table } from '../../ui'
import { RouteBuilder } from './builder'
import { Graph } from './graph'
import type { Source } from './source'

export type Route = { id: string; url: string; disabled: boolean; filter: string | null; transforms: boolean; sent: number | null; failed: number | null }

// A picture of more cannot be read: four nodes each, and the source.
const most = 16

async function routesOf(sourceId: string, appId: string): Promise<{ routes: Route[]; more: boolean }> {
  const source = { source_id: sourceId }
  const { data } = await client.GET('/ingest/api/v1/source/{source_id}/endpoint', { params: { path: source, query: { limit: most } } })
  const since = new Date(Date.now() - 3_600_000).toISOString()
  const routes = await Promise.all(data!.data.map(async (e): Promise<Route> => {
    const path = { ...source, endpoint_id: e.id }
    const [filter, transformation, series] = await Promise.all([
      client.GET('/x/v1/source/{source_id}/endpoint/{endpoint_id}/filter', { params: { path } }),
      client.GET('/ingest/api/v1/source/{source_id}/endpoint/{endpoint_id}/transformation', { params: { path } }),
      // Who may not see figures sees the routes without them.
      client.GET('/x/v1/app/{app_id}/endpoint/{endpoint_id}/stats/series', { params: { path: { app_id: appId, endpoint_id: e.id }, query: { since } } }).catch(() => null),
    ])
    const points = series?.data?.data
    return {
      id: e.id, url: e.url, disabled: e.disabled, filter: filter.data!.filter ? JSON.stringify(filter.data!.filter) : null, transforms: Boolean(transformation.data!.enabled && transformation.data!.code),
      sent: points ? points.reduce((n, p) => n + p.success, 0) : null, failed: points ? points.reduce((n, p) => n + p.failed, 0) : null,
    }
  }))
  return { routes, more: !data!.done }
}

/** Routes shows where a source's webhooks go, as a picture and as a table. */
export function Routes({ source, app }: { source: Source; app: string }) {
  const t = text.sources
  const { to, owns } = useViewer()
  const [adding, setAdding] = useState(false)
  const queries = useQueryClient()
  const key = ['source', source.id, 'routes']
  const query = useQuery({ queryKey: key, queryFn: () => routesOf(source.id, app) })
  const add = owns('endpoint:write') && <div><Button look="primary" icon="plus" onPress={() => setAdding(true)}>{t.addRoute}</Button></div>
  const builder = adding && <RouteBuilder source={source.id} app={app} onClose={() => { setAdding(false); void queries.invalidateQueries({ queryKey: key }) }} />
  if (query.isPending) return <Loading />
  if (query.error) return <Problem error={query.error} onRetry={query.refetch} />
  const { routes, more } = query.data
  return (
    <div className="stack">
      {add}
      {routes.length === 0 ? <p className="muted">{t.noRoute}</p> : <>
        <Graph name={source.name} routes={routes} />
        <Table label={t.routes} rows={routes} rowKey={(r) => r.id} columns={[
          { head: t.target, cell: (r) => <Link to={to.endpoint(app, r.id)}>{r.url}</Link> },
          { head: t.filter, cell: (r) => (r.filter ? <code>{r.filter}</code> : t.allOfThem) },
          { head: t.transformation, cell: (r) => (r.transforms ? t.yes : text.common.none) },
          { head: t.state, cell: (r) => <RouteState route={r} /> },
          { head: t.lastHour, number: true, cell: (r) => number(r.sent) },
          { head: t.failures, number: true, cell: (r) => number(r.failed) },
        ]} />
        {more && <p className="muted">{t.moreRoutes(most)} <Link to={`/apps/${app}`}>{t.allRoutes}</Link></p>}
      </>}
      {builder}
    </div>
  )
}

export const failing = (r: Route): boolean => (r.failed ?? 0) > (r.sent ?? 0)

function RouteState({ route: r }: { route: Route }) {
  const s = text.states
  return r.disabled ? <Chip tone="idle" icon="stop">{s.disabled}</Chip> : failing(r) ? <Chip tone="bad">{s.failing}</Chip> : <Chip tone="ok">{s.active}</Chip>
}
