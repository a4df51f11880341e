import { useQuery } from '@tanstack/react-query'
import { client } from '../api/client'
import type { Brand } from './look'

/** Settings are what the product sets for its portal; who set them wrote what they liked, so each is looked at before it is used. */
export type Settings = Brand & { enableChannels?: unknown; enableTransformations?: unknown }

/** useSettings asks what a portal starts from. */
export const useSettings = () =>
  useQuery({ queryKey: ['settings'], staleTime: 300_000, queryFn: async () => (await client.GET('/api/v1/environment/settings')).data! as Settings })

/** useBrand has them once the frame has loaded them. */
export const useBrand = (): Settings => useSettings().data ?? {}
