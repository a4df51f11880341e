// What the pages of a source ask the server for.
import { useQuery } from '@tanstack/react-query'
import { parse, stringify } from 'lossless-json'
import { client, type OwnShapes, type Shapes } from '../../api/client'

export type Source = Shapes['IngestSourceOut']
export type SourceSettings = OwnShapes['SourceSettingsOut']

export const useSource = (id: string) => useQuery({ queryKey: ['source', id], queryFn: async () => (await client.GET('/ingest/api/v1/source/{source_id}', { params: { path: { source_id: id } } })).data! })
export const useSourceSettings = (id: string) => useQuery({ queryKey: ['source', id, 'settings'], queryFn: async () => (await client.GET('/x/v1/source/{source_id}/settings', { params: { path: { source_id: id } } })).data! })

export const useProviders = () => useQuery({ queryKey: ['providers'], queryFn: async () => (await client.GET('/x/v1/provider')).data!.data, staleTime: Infinity })

/** Request is what came: stored as a message, or rejected. */
export type Request =
  | { kind: 'accepted'; id: string; at: string; type: string; duplicateOf?: never; payload: string }
  | { kind: 'rejected'; id: string; at: string; status: number; reason: string; log: Shapes['IngestLogOut'] }

type Message = { id: string; timestamp: string; eventType: string; payload: unknown }

/** acceptedOf reads the newest messages of a source; a payload is its text with exact numbers. */
export async function acceptedOf(appId: string, limit = 50): Promise<Extract<Request, { kind: 'accepted' }>[]> {
  const { data } = await client.GET('/api/v1/app/{app_id}/msg', { params: { path: { app_id: appId }, query: { limit, with_content: true } }, parseAs: 'text' })
  const exact = (parse(data!) as { data: Message[] }).data
  return exact.map((m) => ({ kind: 'accepted', id: m.id, at: m.timestamp, type: m.eventType, payload: stringify(m.payload, undefined, 2) ?? '' }))
}

/** requestsOf reads what came last, newest first. */
export async function requestsOf(id: string, appId: string): Promise<Request[]> {
  const [accepted, log] = await Promise.all([
    acceptedOf(appId),
    client.GET('/ingest/api/v1/source/{source_id}/log', { params: { path: { source_id: id }, query: { limit: 50 } } }),
  ])
  const rejected = log.data!.data.map((l): Request => ({ kind: 'rejected', id: l.id, at: l.created_at, status: l.status_code, reason: l.error_text, log: l }))
  return [...accepted, ...rejected].sort((a, b) => b.at.localeCompare(a.at)).slice(0, 50)
}

export const useRequests = (id: string, appId: string | undefined) => useQuery({
  queryKey: ['source', id, 'requests'], enabled: Boolean(appId), queryFn: () => requestsOf(id, appId!), refetchInterval: 2000, staleTime: 0,
})
