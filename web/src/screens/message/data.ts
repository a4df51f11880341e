// What is known about a message: its verdict, what was accepted, and every attempt.
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { ApiError, client, type OwnShapes, type Shapes } from '../../api/client'
import { useList } from '../../api/list'

export type Why = OwnShapes['WhyOut']
export type Delivery = OwnShapes['WhyDelivery']
export type Attempt = Shapes['MessageAttemptOut']
export type Message = Shapes['MessageOut']
export type Payload = { text: string; isBase64: boolean }

const isOpen = (d: Delivery) => d.state === 'pending'

/** useMessage asks again every few seconds while something is on its way. */
export function useMessage(appId: string, messageId: string) {
  const path = { app_id: appId, msg_id: messageId }
  const why = useQuery({
    queryKey: ['message', messageId, 'why'],
    queryFn: async () => (await client.GET('/x/v1/why/{id}', { params: { path: { id: messageId } } })).data!,
    refetchInterval: (q) => (q.state.data?.deliveries?.some(isOpen) ? 3000 : false),
  })
  const message = useQuery({
    queryKey: ['message', messageId, 'content'],
    queryFn: async () => (await client.GET('/api/v1/app/{app_id}/msg/{msg_id}', { params: { path, query: { with_content: false } } })).data!,
  })
  const attempts = useList<Attempt>(
    ['attempts', appId, messageId],
    (iterator) => client.GET('/api/v1/app/{app_id}/attempt/msg/{msg_id}', { params: { path, query: { limit: 250, iterator, with_content: false, expanded_statuses: true } } }),
    { every: why.data?.deliveries?.some(isOpen) ? 3000 : undefined },
  )
  return { why, message, attempts }
}

/** usePayload asks for the stored text, because JSON that is read as JSON loses digits. null: it is gone. */
export function usePayload(appId: string, messageId: string, enabled = true) {
  return useQuery({
    queryKey: ['message', messageId, 'payload'],
    enabled,
    queryFn: async (): Promise<Payload | null> => {
      try {
        const { data, response } = await client.GET('/api/v1/app/{app_id}/msg/{msg_id}/raw', { params: { path: { app_id: appId, msg_id: messageId } } })
        return { text: data!.payload, isBase64: response.headers.get('Hookloft-Payload-Encoding') === 'base64' }
      } catch (e) {
        if (e instanceof ApiError && e.code === 'missing_payload') return null
        throw e
      }
    },
  })
}

/** useAttempt is one attempt with its answer, its verdict, and the headers of both sides. */
export function useAttempt(appId: string, messageId: string, attemptId: string) {
  const path = { app_id: appId, msg_id: messageId, attempt_id: attemptId }
  return useQuery({
    queryKey: ['attempt', attemptId],
    queryFn: async () => {
      const [attempt, headers, why] = await Promise.all([
        client.GET('/api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}', { params: { path, query: { expanded_statuses: true } } }),
        headersOf(appId, messageId, attemptId),
        client.GET('/x/v1/why/{id}', { params: { path: { id: attemptId } } }),
      ])
      return { attempt: attempt.data!, headers, why: why.data! }
    },
  })
}

/** headersOf is undefined where who looks may not see headers. */
export async function headersOf(appId: string, messageId: string, attemptId: string): Promise<Shapes['MessageAttemptHeadersOut'] | undefined> {
  try {
    const { data } = await client.GET('/api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}/headers', { params: { path: { app_id: appId, msg_id: messageId, attempt_id: attemptId } } })
    return data
  } catch (e) {
    if (e instanceof ApiError && e.status === 403) return undefined
    throw e
  }
}

/** useAgain asks anew for all that is known about a message. */
export function useAgain(appId: string, messageId: string) {
  const queries = useQueryClient()
  return () => Promise.all([
    queries.invalidateQueries({ queryKey: ['message', messageId] }),
    queries.invalidateQueries({ queryKey: ['list', 'attempts', appId, messageId] }),
  ])
}

export const resend = (appId: string, messageId: string, endpointId: string) =>
  client.POST('/api/v1/app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/resend', { params: { path: { app_id: appId, msg_id: messageId, endpoint_id: endpointId } } })
