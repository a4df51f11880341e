import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { client, type OwnShapes } from '../../api/client'
import { text } from '../../text'
import { number } from '../../text/format'
import { Button, Chip, Loading, Problem, Progress, Time } from '../../ui'

type Task = OwnShapes['TaskOut']

const isOver = (t: Task) => t.status !== 'running' && t.status !== 'paused'

/** TaskProgress shows how far a background task is, with a pause and a cancel that take effect. onDone is told once, when it is over. */
export function TaskProgress({ id, onDone }: { id: string; onDone?: () => void }) {
  const queries = useQueryClient()
  const key = ['task', id]
  const task = useQuery({
    queryKey: key,
    refetchInterval: (q) => (q.state.data && isOver(q.state.data) ? false : 700),
    queryFn: async () => (await client.GET('/x/v1/task/{task_id}', { params: { path: { task_id: id } } })).data!,
  })
  const over = task.data ? isOver(task.data) : false
  const done = useRef(onDone)
  done.current = onDone
  useEffect(() => {
    if (over) done.current?.()
  }, [over])
  if (task.isPending) return <Loading lines={2} />
  if (task.error) return <Problem error={task.error} onRetry={task.refetch} />
  const steer = async (ask: Promise<{ data?: Task }>) => queries.setQueryData(key, (await ask).data)
  const path = { params: { path: { task_id: id } } }
  const d = task.data
  const t = text.endpoint.task
  const tone = { running: 'accent', paused: 'warn', finished: 'ok', failed: 'bad', cancelled: 'idle' } as const
  return (
    <div className="stack tight">
      <div className="spread">
        <Chip tone={tone[d.status as keyof typeof tone] ?? 'idle'}>{t.status[d.status as keyof typeof t.status] ?? d.status}</Chip>
        <span>{t.done(d.done, d.total)}</span>
      </div>
      <Progress share={d.total === null ? (over ? 1 : null) : d.total === 0 ? 1 : d.done / d.total} label={t.progress} />
      <p className="muted" role="status">
        {d.failed > 0 && `${t.failed(d.failed)} `}
        {!over && d.rate > 0 && `${t.rate(number(d.rate, 1))} `}
        {!over && d.eta && <>{t.ends} <Time at={d.eta} /></>}
        {d.error}
      </p>
      {!over && (
        <div className="row">
          {d.status === 'running'
            ? <Button icon="pause" onPress={() => steer(client.POST('/x/v1/task/{task_id}/pause', path))}>{t.pause}</Button>
            : <Button icon="play" onPress={() => steer(client.POST('/x/v1/task/{task_id}/resume', path))}>{t.resume}</Button>}
          <Button look="danger" icon="stop" onPress={() => steer(client.POST('/x/v1/task/{task_id}/cancel', path))}>{t.cancel}</Button>
        </div>
      )}
    </div>
  )
}
