import { useState, type FormEvent } from 'react'
import { client } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { number } from '../../text/format'
import { Button, CopyButton, Dialog, download, Input, Link, Loading, Problem, Time, toast, wordsOf } from '../../ui'
import { TaskButtons, TaskProgress, TaskState } from './progress'
import { hasEnded, useSteer, useTask, type Task } from './task'
import { kindOf } from './tasks'

export function TaskDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const task = useTask(id)
  return (
    <Dialog open drawer onClose={onClose} title={task.data ? kindOf(task.data.task) : text.tasks.task}>
      {task.isPending ? <Loading /> : task.error && !task.data ? <Problem error={task.error} onRetry={task.refetch} /> : <Detail task={task.data!} />}
    </Dialog>
  )
}

function Detail({ task }: { task: Task }) {
  const t = text.tasks
  const { to } = useViewer()
  return (
    <div className="stack">
      <div className="spread"><TaskState task={task} /><TaskButtons task={task} /></div>
      <TaskProgress task={task} />
      {task.error && <div className="note bad" role="alert">{task.error}</div>}
      {task.failed > 0 && <div className="note warn">{t.failedHelp(task.failed)}</div>}
      <dl className="facts">
        <dt>{t.id}</dt><dd className="row"><code>{task.id}</code><CopyButton value={task.id} /></dd>
        {task.appId && <><dt>{t.app}</dt><dd><Link to={`/apps/${task.appId}`}>{task.appId}</Link></dd></>}
        {task.appId && task.endpointId && <><dt>{t.endpoint}</dt><dd><Link to={to.endpoint(task.appId, task.endpointId)}>{task.endpointId}</Link></dd></>}
        {task.since && <><dt>{t.since}</dt><dd><Time at={task.since} full /></dd></>}
        {task.until && <><dt>{t.until}</dt><dd><Time at={task.until} full /></dd></>}
        <dt>{t.created}</dt><dd><Time at={task.createdAt} full /></dd>
        {task.startedAt && <><dt>{t.begun}</dt><dd><Time at={task.startedAt} full /></dd></>}
        <dt>{t.updated}</dt><dd><Time at={task.updatedAt} full /></dd>
        {hasEnded(task.status) || <><dt>{t.pace}</dt><dd>{task.ratePerSecond === null ? t.noPace : t.rate(task.ratePerSecond)}</dd></>}
      </dl>
      {hasEnded(task.status) || <Pace task={task} />}
      <Result task={task} />
    </div>
  )
}

function Pace({ task }: { task: Task }) {
  const t = text.tasks
  const { setRate } = useSteer(task.id)
  const [value, setValue] = useState(task.ratePerSecond === null ? '' : String(task.ratePerSecond))
  const [problem, setProblem] = useState('')
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    const rate = value.trim() === '' ? null : Number(value)
    if (rate !== null && !Number.isFinite(rate)) return setProblem(t.paceWrong)
    try {
      await setRate(rate)
      setProblem('')
      toast(t.paceSaved)
    } catch (error) {
      setProblem(wordsOf(error))
    }
  }
  return (
    <form className="row task-pace" onSubmit={submit}>
      <Input label={t.paceLabel} help={t.paceHelp} error={problem} inputMode="decimal" value={value} onValue={setValue} />
      <Button type="submit">{text.common.save}</Button>
    </form>
  )
}

function Result({ task }: { task: Task }) {
  const t = text.tasks
  const { to } = useViewer()
  const r = task.result
  // As the server writes it: numbers of a document are not this page's to round.
  const fetchDocument = async () => download(`${task.id}.json`, (await client.GET('/x/v1/task/{task_id}', { params: { path: { task_id: task.id } }, parseAs: 'text' })).data!)
  return (
    <>
      {r.messagesSent != null && <p>{t.sent(r.messagesSent)}</p>}
      {r.messagesPurged != null && <p>{t.purged(r.messagesPurged)}</p>}
      {r.messagesCreated && r.messagesCreated.length > 0 && (
        <section className="stack tight"><h3>{t.messages}</h3>
          <ul className="plain">{r.messagesCreated.slice(0, 100).map((m) => <li key={m.msgId}><Link to={to.message(m.appId, m.msgId)}><code>{m.msgId}</code></Link></li>)}</ul>
          {r.messagesCreated.length > 100 && <p className="muted">{t.firstOf(100, r.messagesCreated.length)}</p>}
        </section>
      )}
      {r.appStats && <Rows head={t.perApp} rows={r.appStats.map((a) => [a.appUid || a.appId, `/apps/${a.appId}`, number(a.messageDestinations)])} />}
      {r.event_types && <Rows head={t.subscribed} rows={r.event_types.map((a) => [a.appId, `/apps/${a.appId}`, a.hasCatchAllEndpoint ? t.allTypes : (a.explicitlySubscribedEventTypes ?? []).join(', ')])} />}
      {r.document && <div><Button icon="download" onPress={fetchDocument}>{t.document}</Button></div>}
    </>
  )
}

function Rows({ head, rows }: { head: string; rows: [words: string, to: string, value: string][] }) {
  return (
    <section className="stack tight"><h3>{head}</h3>
      <dl className="facts">{rows.slice(0, 200).map(([words, place, value]) => <div key={place} className="row"><dt><Link to={place}>{words}</Link></dt><dd>{value}</dd></div>)}</dl>
      {rows.length > 200 && <p className="muted">{text.tasks.firstOf(200, rows.length)}</p>}
    </section>
  )
}
