import { useQuery } from '@tanstack/react-query'
import { client } from '../../api/client'
import { stateOf, StateChip } from './state'

/** RowState is the state of an endpoint in a list. Unlike on its own page it is not asked for again by itself. */
export function RowState({ appId, endpoint }: { appId: string; endpoint: { id: string; disabled: boolean } }) {
  const hold = useQuery({
    queryKey: ['endpoint', appId, endpoint.id, 'hold'],
    queryFn: async () => (await client.GET('/x/v1/app/{app_id}/endpoint/{endpoint_id}/hold', { params: { path: { app_id: appId, endpoint_id: endpoint.id } } })).data!,
    staleTime: 10_000,
  })
  if (!hold.data && !endpoint.disabled) return null
  return <StateChip state={stateOf(endpoint, hold.data)} title={hold.data?.note ?? undefined} />
}
