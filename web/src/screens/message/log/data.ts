import { useInfiniteQuery } from '@tanstack/react-query'
import { client, type OwnShapes } from '../../../api/client'
import { statuses, windowOf, type Query } from './query'

/** LogRow is a message without its content, with what became of it. */
export type LogRow = OwnShapes['FoundMessageOut']
type Found = OwnShapes['FoundMessagesOut']

/** Asked is all that a page of the log depends on. appId is "" for all applications. */
export type Asked = { appId: string; query: Query; window: { after?: string; before?: string } }

function parameters({ query: q, window }: Asked, iterator: string | undefined) {
  const status = statuses.indexOf(q.status as (typeof statuses)[number])
  return {
    iterator, ...window, event_types: q.types.length ? q.types : undefined, tag: q.tag || undefined, channel: q.channel || undefined,
    status: status < 0 ? undefined : (status as 0 | 1 | 2 | 3 | 4), path: q.path || undefined, value: q.path ? q.value : undefined,
  }
}

// A portal may look only into its own application; for an operator that is the same look.
function get(asked: Asked, iterator: string | undefined, how: { limit: number; with_content: boolean }, options: { parseAs?: 'text'; signal?: AbortSignal } = {}) {
  const query = { ...parameters(asked, iterator), ...how }
  return asked.appId
    ? client.GET('/x/v1/app/{app_id}/message', { params: { path: { app_id: asked.appId }, query }, ...options })
    : client.GET('/x/v1/message', { params: { query }, ...options })
}

/** askText is a page as the text that came, so that payloads keep their digits. */
export async function askText(asked: Asked, iterator: string | undefined, signal: AbortSignal): Promise<string> {
  const { data } = await get(asked, iterator, { limit: 250, with_content: true }, { parseAs: 'text', signal })
  return data as unknown as string
}

// One call looks at a bounded number of messages and may find none. So many in vain go on by
// themselves; then who looks decides.
const callsInVain = 10

/** useLog follows the log from the newest message; begun is the moment that spans count from. */
export function useLog(appId: string, query: Query, begun: Date) {
  const asked: Asked = { appId, query, window: windowOf(query, begun) }
  const log = useInfiniteQuery({
    queryKey: ['list', 'messages', appId, query, begun.getTime()],
    queryFn: async ({ pageParam, signal }): Promise<Found> => (await get(asked, pageParam, { limit: 100, with_content: false }, { signal })).data!,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: Found) => last.iterator ?? undefined,
  })
  const pages = log.data?.pages ?? []
  let inVain = 0
  for (let i = pages.length - 1; i >= 0 && !pages[i]!.data?.length; i--) inVain++
  const more = log.hasNextPage ? log.fetchNextPage : undefined
  return {
    asked,
    rows: pages.flatMap((p) => p.data ?? []),
    pending: log.isPending,
    looking: log.isFetching,
    error: log.error,
    retry: log.refetch,
    more,
    /** follow asks for more by itself; undefined where it is the reader's turn. */
    follow: more && inVain < callsInVain ? more : undefined,
    examined: pages.reduce((sum, p) => sum + p.examined, 0),
    until: pages.at(-1)?.until ?? undefined,
  }
}
