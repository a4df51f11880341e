// Sends again what failed in an issue's time: first counted, then asked.
import { useQuery } from '@tanstack/react-query'
import { client } from '../../api/client'
import { text } from '../../text/dashboard'
import { Confirm, Dialog, Loading, Problem, useGo } from '../../ui'
import type { Issue } from './issues'
import { useWhen } from './when'

type Count = { count: number; complete: boolean } // the answer 200 of what otherwise answers a task

export function ReplayDialog({ issue, onClose }: { issue: Issue; onClose: () => void }) {
  const t = text.issues
  const go = useGo()
  const when = useWhen()
  // Times of issues are begins of minutes; all of the last one is in it.
  const end = new Date(Date.parse(issue.lastAt) + 60_000).toISOString()
  const params = { path: { issue_id: issue.id } }
  const count = useQuery({
    queryKey: ['issue', issue.id, issue.lastAt, 'count'],
    gcTime: 0,
    queryFn: async () => (await client.POST('/x/v1/issue/{issue_id}/replay', { params, body: { dryRun: true } })).data as unknown as Count,
  })
  const start = async () => {
    const { data } = await client.POST('/x/v1/issue/{issue_id}/replay', { params, body: {} })
    go(`/tasks?task=${data!.id}`)
  }
  const window = <p>{t.replayWindow(when(issue.firstAt), when(end))}</p>
  if (count.data && count.data.count > 0) {
    return (
      <Confirm open onClose={onClose} title={t.replayTitle} action={t.replayStart} onConfirm={start}>
        {window}
        <p aria-live="polite"><strong>{t.replayCount(count.data.count, count.data.complete)}</strong></p>
      </Confirm>
    )
  }
  return (
    <Dialog open onClose={onClose} title={t.replayTitle}>
      {window}
      {count.error ? <Problem error={count.error} onRetry={count.refetch} /> : count.data ? <p aria-live="polite">{t.replayNothing}</p> : <><p aria-live="polite">{t.counting}</p><Loading lines={1} /></>}
    </Dialog>
  )
}
