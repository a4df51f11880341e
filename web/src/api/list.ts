import { useInfiniteQuery } from '@tanstack/react-query'

/** Page is what every list of the API answers: pages follow a key, not a number. */
export type Page<T> = { data: T[]; done: boolean; iterator?: string | null }

/** useList asks for a list page by page: `useList(['apps'], (iterator) => client.GET('/api/v1/app', { params: { query: { iterator } } }))`.
    key names the list with all that it depends on. every asks again after so many milliseconds. */
export function useList<T>(key: readonly unknown[], ask: (iterator: string | undefined) => Promise<{ data?: Page<T> }>, options: { enabled?: boolean; every?: number } = {}) {
  const query = useInfiniteQuery({
    queryKey: ['list', ...key],
    queryFn: async ({ pageParam }) => (await ask(pageParam)).data!,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: Page<T>) => (last.done ? undefined : last.iterator ?? undefined),
    enabled: options.enabled,
    refetchInterval: options.every,
  })
  return {
    rows: query.data?.pages.flatMap((p) => p.data) ?? [],
    pending: query.isPending,
    error: query.error,
    retry: query.refetch,
    /** more asks for the next page; undefined where there is none. */
    more: query.hasNextPage ? () => query.fetchNextPage() : undefined,
  }
}
