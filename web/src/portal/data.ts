// What several screens of the portal ask for.
import { useQuery } from '@tanstack/react-query'
import { client } from '../api/client'
import { useList } from '../api/list'

export const useEndpoints = (appId: string) =>
  useList(['endpoints', appId], (iterator) => client.GET('/api/v1/app/{app_id}/endpoint', { params: { path: { app_id: appId }, query: { limit: 50, iterator } } }))

/** useEventTypes are those that this portal may see. */
export const useEventTypes = () =>
  useList(['event-types'], (iterator) => client.GET('/api/v1/event-type', { params: { query: { limit: 250, iterator } } }))

/** useDay has the last day of each endpoint, by its id: 24 hours of successes and failures. */
export function useDay(appId: string, ids: string[]) {
  const query = useQuery({
    queryKey: ['sparklines', appId, ids],
    enabled: ids.length > 0,
    staleTime: 60_000,
    queryFn: async () => (await client.GET('/x/v1/app/{app_id}/stats/sparklines', { params: { path: { app_id: appId }, query: { period: 'hour', endpoint_ids: ids } } })).data!.data,
  })
  return new Map(query.data?.map((s) => [s.id, s]))
}
