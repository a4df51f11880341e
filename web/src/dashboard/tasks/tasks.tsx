// O13: work in the background.
import { client, type Shapes } from '../../api/client'
import { useList } from '../../api/list'
import { text } from '../../text/dashboard'
import { Empty, Link, Listing, Loading, Page, Select, Table, Time, useSearch } from '../../ui'
import { TaskDrawer } from './drawer'
import { TaskButtons, TaskProgress, TaskState } from './progress'
import { useTask } from './task'
import './tasks.css'

const statuses = ['running', 'finished', 'failed'] as const
type Status = (typeof statuses)[number]
export const kindOf = (task: string) => (text.tasks.kinds as Record<string, string>)[task] ?? task

export function Tasks() {
  const t = text.tasks
  const [search, setSearch] = useSearch()
  const status = statuses.find((s) => s === search.status) as Status | undefined
  const list = useList(['tasks', status], (iterator) => client.GET('/api/v1/background-task', { params: { query: { limit: 25, order: 'descending', status, iterator } } }), { every: 5000 })
  const withTask = (id: string) => `.?${new URLSearchParams({ ...search, task: id })}`
  return (
    <Page title={t.title}>
      <div className="row"><Select label={t.show} value={status ?? ''} onValue={(v) => setSearch({ status: v })} options={[['', t.all], ...statuses.map((s) => [s, t.statuses[s]] as const)]} /></div>
      <Listing list={list} whenEmpty={<Empty title={status ? t.noneSuch : t.none}>{t.noneHelp}</Empty>}>
        <Table label={t.title} rows={list.rows} rowKey={(r) => r.id} onMore={list.more} columns={[
          { head: t.kind, cell: (r) => <Link to={withTask(r.id)}>{kindOf(r.task)}</Link> },
          { head: t.state, cell: (r) => <Row id={r.id}>{(task) => <TaskState task={task} />}</Row> },
          { head: t.progress, cell: (r) => <Row id={r.id}>{(task) => <TaskProgress task={task} />}</Row> },
          { head: t.started, cell: (r) => <Row id={r.id}>{(task) => <Time at={task.createdAt} />}</Row> },
          { head: t.actions, cell: (r) => <Row id={r.id}>{(task) => <TaskButtons task={task} />}</Row> },
        ]} />
      </Listing>
      {search.task && <TaskDrawer id={search.task} onClose={() => setSearch({ task: '' })} />}
    </Page>
  )
}

// The list of the contract has no counts; each row asks for its own, once where it has ended.
function Row({ id, children }: { id: Shapes['BackgroundTaskOut']['id']; children: (task: NonNullable<ReturnType<typeof useTask>['data']>) => React.ReactNode }) {
  const { data, error } = useTask(id)
  if (error && !data) return <>{'–'}</>
  return data ? <>{children(data)}</> : <Loading lines={1} />
}
