// One background task, asked again for as long as it runs.
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { client, type OwnShapes } from '../../api/client'

export type Task = OwnShapes['TaskOut']
export const hasEnded = (status: string) => status !== 'running' && status !== 'paused'

export function useTask(id: string) {
  return useQuery({
    queryKey: ['task', id],
    queryFn: async () => (await client.GET('/x/v1/task/{task_id}', { params: { path: { task_id: id } } })).data!,
    refetchInterval: (q) => (q.state.data && hasEnded(q.state.data.status) ? false : q.state.data?.status === 'paused' ? 5000 : 1000),
    staleTime: 0,
  })
}

export type Steer = (what: 'pause' | 'resume' | 'cancel') => Promise<void>

/** useSteer does something to a task and shows it as it is then. */
export function useSteer(id: string): { steer: Steer; setRate: (perSecond: number | null) => Promise<void> } {
  const queries = useQueryClient()
  const show = (t: Task | undefined) => {
    queries.setQueryData(['task', id], t)
    void queries.invalidateQueries({ queryKey: ['list', 'tasks'] })
  }
  const path = { task_id: id }
  return {
    steer: async (what) => show((what === 'pause' ? await client.POST('/x/v1/task/{task_id}/pause', { params: { path } })
      : what === 'resume' ? await client.POST('/x/v1/task/{task_id}/resume', { params: { path } })
        : await client.POST('/x/v1/task/{task_id}/cancel', { params: { path } })).data),
    setRate: async (ratePerSecond) => show((await client.PATCH('/x/v1/task/{task_id}', { params: { path }, body: { ratePerSecond } })).data),
  }
}
