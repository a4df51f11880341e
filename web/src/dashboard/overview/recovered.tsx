// After an outage: who answers again, and what they have missed.
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ApiError, client } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { useMoment } from '../../charts'
import { enough, isWell, outageOf } from '../../screens/endpoint/outage'
import { text } from '../../text/dashboard'
import { Button, Link, Progress, toast } from '../../ui'
import { failing } from './data'

type Missed = { appId: string; endpointId: string; url: string; since: string; until: string; from: string; to: string; count: number; complete: boolean }

const day = 86_400_000
const most = 3

// find asks of the endpoints with most failures of the last day whether they answer again, and how many messages
// failed for good meanwhile. One after another: the server counts for few at a time.
async function find(): Promise<Missed[]> {
  const { data } = await client.GET('/x/v1/stats/failures', { params: { query: { since: new Date(Date.now() - day).toISOString() } } })
  const found: Missed[] = []
  for (const e of failing(data!.data).slice(0, 10)) {
    if (found.length === most) break
    const path = { app_id: e.appId, endpoint_id: e.endpointId }
    try {
      const attempts = await client.GET('/api/v1/app/{app_id}/attempt/endpoint/{endpoint_id}', { params: { path, query: { limit: enough, with_content: false } } })
      if (!isWell(attempts.data!.data)) continue
      const series = await client.GET('/x/v1/app/{app_id}/endpoint/{endpoint_id}/stats/series', { params: { path, query: { period: '5min', since: new Date(Date.now() - day).toISOString() } } })
      const outage = outageOf(series.data!.data, 300_000)
      if (!outage) continue
      const [endpoint, hold] = await Promise.all([
        client.GET('/api/v1/app/{app_id}/endpoint/{endpoint_id}', { params: { path } }),
        client.GET('/x/v1/app/{app_id}/endpoint/{endpoint_id}/hold', { params: { path } }),
      ])
      if (endpoint.data!.disabled || hold.data!.state === 'held' || hold.data!.breaker?.state === 'resting') continue
      const span = { since: new Date(outage.since).toISOString(), until: new Date(outage.until).toISOString() }
      const counted = await client.POST('/x/v1/app/{app_id}/endpoint/{endpoint_id}/replay', { params: { path }, body: { ...span, which: 'failed', dryRun: true } })
      const { count, oldest, newest, complete } = counted.data as unknown as { count: number; oldest: string | null; newest: string | null; complete: boolean }
      if (count > 0) found.push({ appId: e.appId, endpointId: e.endpointId, url: endpoint.data!.url, ...span, from: oldest ?? span.since, to: newest ?? span.until, count, complete })
    } catch (problem) {
      // Deleted meanwhile, or the server counts for somebody else: the next look may tell.
      if (!(problem instanceof ApiError) || problem.status === 0) throw problem
    }
  }
  return found
}

/** Recovered offers to send what an endpoint has missed once it answers again. */
export function Recovered() {
  const may = useViewer().may('CreateAttempts')
  const list = useQuery({ queryKey: ['overview', 'recovered'], enabled: may, refetchInterval: 60_000, staleTime: 30_000, queryFn: find })
  const [running, setRunning] = useState<{ task: string; missed: Missed }[]>([])
  const isRunning = (m: Missed) => running.some((r) => r.missed.endpointId === m.endpointId)
  return (
    <>
      {running.map((r) => <Running key={r.task} {...r} onDone={() => setRunning((all) => all.filter((o) => o.task !== r.task))} />)}
      {list.data?.filter((m) => !isRunning(m)).map((m) => <Banner key={m.endpointId} missed={m} onStarted={(task) => setRunning((all) => [...all, { task, missed: m }])} />)}
    </>
  )
}

function Banner({ missed: m, onStarted }: { missed: Missed; onStarted: (task: string) => void }) {
  const viewer = useViewer()
  const moment = useMoment(0)
  const t = text.overview
  const start = async () => {
    const { data } = await client.POST('/x/v1/app/{app_id}/endpoint/{endpoint_id}/replay', {
      params: { path: { app_id: m.appId, endpoint_id: m.endpointId } }, body: { since: m.since, until: m.until, which: 'failed' },
    })
    onStarted(data!.id)
  }
  return (
    <section className="note warn spread" aria-label={t.recovered}>
      <p className="break">{t.missed(m.count, m.complete, moment(Date.parse(m.from)), moment(Date.parse(m.to)))} <Link to={viewer.to.endpoint(m.appId, m.endpointId)}>{m.url}</Link>{t.answersAgain}</p>
      <Button look="primary" icon="replay" onPress={start}>{t.replay(m.count)}</Button>
    </section>
  )
}

const ended = ['finished', 'cancelled', 'failed']

function Running({ task, missed, onDone }: { task: string; missed: Missed; onDone: () => void }) {
  const queries = useQueryClient()
  const t = text.overview
  const params = { path: { task_id: task } }
  const state = useQuery({
    queryKey: ['task', task],
    refetchInterval: (q) => (q.state.data && ended.includes(q.state.data.status) ? false : 1000),
    queryFn: async () => (await client.GET('/x/v1/task/{task_id}', { params })).data!,
  })
  const done = state.data?.done ?? 0
  const over = state.data !== undefined && ended.includes(state.data.status)
  const close = () => {
    onDone()
    void queries.invalidateQueries({ queryKey: ['overview'] })
  }
  const cancel = async () => {
    await client.POST('/x/v1/task/{task_id}/cancel', { params })
    toast(t.cancelled)
    await state.refetch()
  }
  return (
    <section className={over ? 'note ok stack tight' : 'note stack tight'} aria-label={t.replaying}>
      <div className="spread">
        <p role="status" className="break">{over ? t.replayed(done, missed.url) : t.replayingTo(done, state.data?.total ?? missed.count, missed.url)}</p>
        <div className="row">
          <Link to="/tasks">{t.toTasks}</Link>
          {over ? <Button onPress={close}>{text.common.close}</Button> : <Button onPress={cancel}>{text.common.cancel}</Button>}
        </div>
      </div>
      {!over && <Progress label={t.replaying} share={state.data?.total ? done / state.data.total : null} />}
    </section>
  )
}
