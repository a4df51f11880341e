// The settings of the environment. Keys that the contract has and this server only keeps are in it too.
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { client, type Shapes } from '../../api/client'

export type Settings = Shapes['SettingsOut'] & Record<string, unknown>
const key = ['environment-settings']

export function useSettings() {
  const queries = useQueryClient()
  const query = useQuery({ queryKey: key, queryFn: async () => (await client.GET('/api/v1/management/environment-settings')).data as Settings })
  /** patch changes some and shows them as they are then. */
  const patch = async (change: Record<string, unknown>) => {
    const { data } = await client.PATCH('/api/v1/management/environment-settings', { body: change as Shapes['SettingsIn'] })
    queries.setQueryData(key, data)
  }
  return { ...query, patch }
}
