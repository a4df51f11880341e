// What the tabs of an endpoint ask for, in one place, so that a change is seen in all of them.
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { ApiError, client, type OwnShapes, type Shapes } from '../../api/client'
import { runsOf, type Run } from './run'

export type Endpoint = Shapes['EndpointOut']
export type Hold = OwnShapes['HoldOut']

/** Place is which endpoint: the path of its operations. */
export type Place = { app_id: string; endpoint_id: string }

const key = (place: Place, what: string) => ['endpoint', place.app_id, place.endpoint_id, what]

export const useEndpoint = (place: Place) =>
  useQuery({ queryKey: key(place, 'itself'), queryFn: async () => (await client.GET('/api/v1/app/{app_id}/endpoint/{endpoint_id}', { params: { path: place } })).data! })

/** useAppName is the name of the application, for who may see it. */
export const useAppName = (appId: string, enabled: boolean): string =>
  useQuery({ queryKey: ['app', 'name', appId], enabled, staleTime: 60_000, queryFn: async () => (await client.GET('/api/v1/app/{app_id}', { params: { path: { app_id: appId } } })).data!.name }).data || appId

/** useHold is whether it is paused, whether it rests, and how much waits; it moves by itself. */
export const useHold = (place: Place) =>
  useQuery({ queryKey: key(place, 'hold'), refetchInterval: 10_000, queryFn: async () => (await client.GET('/x/v1/app/{app_id}/endpoint/{endpoint_id}/hold', { params: { path: place } })).data! })

export const useWhy = (place: Place) =>
  useQuery({ queryKey: key(place, 'why'), refetchInterval: 30_000, queryFn: async () => (await client.GET('/x/v1/why/{id}', { params: { path: { id: place.endpoint_id } } })).data! })

export const useHeaders = (place: Place) =>
  useQuery({ queryKey: key(place, 'headers'), queryFn: async () => (await client.GET('/api/v1/app/{app_id}/endpoint/{endpoint_id}/headers', { params: { path: place } })).data! })

export const useCredentials = (place: Place) =>
  useQuery({ queryKey: key(place, 'credentials'), queryFn: async () => (await client.GET('/x/v1/app/{app_id}/endpoint/{endpoint_id}/credentials', { params: { path: place } })).data! })

export const useRequest = (place: Place) =>
  useQuery({ queryKey: key(place, 'request'), queryFn: async () => (await client.GET('/x/v1/app/{app_id}/endpoint/{endpoint_id}/request', { params: { path: place } })).data! })

/** useOrder is null where an endpoint keeps no order. */
export const useOrder = (place: Place) =>
  useQuery({
    queryKey: key(place, 'order'),
    queryFn: async () => {
      try {
        return (await client.GET('/x/v1/app/{app_id}/endpoint/{endpoint_id}/order', { params: { path: place } })).data!
      } catch (e) {
        if (e instanceof ApiError && e.status === 404) return null
        throw e
      }
    },
  })

export const useLatest = (place: Place) =>
  useQuery({ queryKey: key(place, 'latest'), queryFn: async () => (await client.GET('/x/v1/app/{app_id}/endpoint/{endpoint_id}/latest', { params: { path: place } })).data! })

/** useConsent is asked again while the receiver has not agreed. */
export const useConsent = (place: Place) =>
  useQuery({
    queryKey: key(place, 'consent'),
    refetchInterval: (q) => (q.state.data?.required && !q.state.data.verified ? 10_000 : false),
    queryFn: async () => (await client.GET('/x/v1/app/{app_id}/endpoint/{endpoint_id}/consent', { params: { path: place } })).data!,
  })

export const useFilter = (place: Place) =>
  useQuery({ queryKey: key(place, 'filter'), queryFn: async () => (await client.GET('/x/v1/app/{app_id}/endpoint/{endpoint_id}/filter', { params: { path: place }, parseAs: 'text' })).data! as unknown as string })

export const useTransformation = (place: Place) =>
  useQuery({ queryKey: key(place, 'transformation'), queryFn: async () => (await client.GET('/api/v1/app/{app_id}/endpoint/{endpoint_id}/transformation', { params: { path: place } })).data! })

/** useReasons are the words of all classes of failures. */
export function useReasons(): (reason: string) => string {
  const reasons = useQuery({ queryKey: ['reasons'], staleTime: 3_600_000, queryFn: async () => (await client.GET('/x/v1/reason')).data!.data })
  const words = new Map(reasons.data?.map((r) => [r.reason, r.words]))
  return (reason) => words.get(reason) ?? reason
}

/** useChanged has all tabs of an endpoint asked anew, and every list that shows it. */
export function useChanged(place: Place): () => Promise<unknown> {
  const queries = useQueryClient()
  return () => Promise.all([
    queries.invalidateQueries({ queryKey: ['endpoint', place.app_id, place.endpoint_id] }),
    queries.invalidateQueries({ queryKey: ['list'] }),
  ])
}

/** Input is what a script is tried on: one message, the newest ones, or a payload that was typed. */
export type Input = { messageId: string } | { last: number } | { text: string; eventType?: string }

/** tryCode runs code on it, and sends nothing. */
export async function tryCode(place: Place, code: string, variables: Record<string, string> | undefined, input: Input): Promise<Run[]> {
  const { data } = await client.POST('/x/v1/app/{app_id}/endpoint/{endpoint_id}/transformation/simulate', {
    params: { path: place }, body: { code, variables, ...input } as OwnShapes['TransformationTryIn'], parseAs: 'text',
  })
  return runsOf(data as unknown as string)
}
