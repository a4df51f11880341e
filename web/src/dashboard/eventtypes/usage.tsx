import { useState } from 'react'
import { client } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { Button, Chip, Empty, Link, Table } from '../../ui'
import { TaskProgress } from '../tasks/progress'
import { hasEnded, useTask } from '../tasks/task'

/** UsagePane says who subscribes. The server counts it in the background: nobody keeps such a list. */
export function UsagePane({ name }: { name: string }) {
  const t = text.eventTypes
  const { owns } = useViewer()
  const [task, setTask] = useState('')
  const start = async () => setTask((await client.PUT('/api/v1/stats/usage/event-types')).data!.id)
  return (
    <div className="stack">
      <p className="muted">{t.usageHelp}</p>
      {owns('stats:write') && <div><Button icon="search" onPress={start}>{task ? t.countAgain : t.countUsage}</Button></div>}
      {task && <Answer id={task} name={name} />}
    </div>
  )
}

function Answer({ id, name }: { id: string; name: string }) {
  const t = text.eventTypes
  const { data } = useTask(id)
  if (!data || !hasEnded(data.status)) return data ? <TaskProgress task={data} /> : null
  if (data.status !== 'finished') return <div className="note bad" role="alert">{data.error ?? text.states.failed}</div>
  const rows = (data.result.event_types ?? []).filter((a) => a.hasCatchAllEndpoint || a.explicitlySubscribedEventTypes?.includes(name))
  if (rows.length === 0) return <Empty title={t.nobody} />
  return (
    <>
      {data.result.truncated && <div className="note warn">{t.truncated}</div>}
      <Table label={t.usage} rows={rows} rowKey={(a) => a.appId} columns={[
        { head: t.application, cell: (a) => <Link to={`/apps/${a.appId}`}>{a.appId}</Link> },
        { head: t.how, cell: (a) => <span className="row">{a.explicitlySubscribedEventTypes?.includes(name) && <Chip tone="ok">{t.named}</Chip>}{a.hasCatchAllEndpoint && <Chip tone="idle">{t.takesAll}</Chip>}</span> },
      ]} />
    </>
  )
}
