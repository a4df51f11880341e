import { client, type Shapes } from '../../../api/client'
import { useList, type Page } from '../../../api/list'
import { windowOf, type Query } from './query'

/** LogRow is a message without its content. */
export type LogRow = Shapes['MessageOut'] & { appId?: string }

type Asked = { appId: string; query: Query; window: { after?: string; before?: string } }

const parameters = ({ query: q, window }: Asked, iterator: string | undefined, limit: number) => ({
  limit, iterator, ...window, event_types: q.types.length ? q.types : undefined, tag: q.tag || undefined, channel: q.channel || undefined,
})

/** askPage asks for a page of the log. */
export async function askPage(asked: Asked, iterator: string | undefined, limit = 100): Promise<{ data?: Page<LogRow> }> {
  return client.GET('/api/v1/app/{app_id}/msg', { params: { path: { app_id: asked.appId }, query: { ...parameters(asked, iterator, limit), with_content: false } } })
}

/** askText is a page as the text that came, so that payloads keep their digits. */
export async function askText(asked: Asked, iterator: string | undefined, signal: AbortSignal): Promise<string> {
  const { data } = await client.GET('/api/v1/app/{app_id}/msg', { params: { path: { app_id: asked.appId }, query: { ...parameters(asked, iterator, 250), with_content: true } }, parseAs: 'text', signal })
  return data as unknown as string
}

/** useLog follows the log from the newest message; begun is the moment that spans count from. */
export function useLog(appId: string, query: Query, begun: Date) {
  const asked: Asked = { appId, query, window: windowOf(query, begun) }
  return { asked, list: useList<LogRow>(['messages', appId, query, begun.getTime()], (iterator) => askPage(asked, iterator)) }
}
export type { Asked }
