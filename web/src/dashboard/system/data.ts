import { useQuery } from '@tanstack/react-query'
import { client, type OwnShapes } from '../../api/client'

export type System = OwnShapes['SystemOut']

/** useSystem asks every five seconds while the page is in sight, unless it is to stand still. */
export const useSystem = (still: boolean, may: boolean) =>
  useQuery({ queryKey: ['system'], enabled: may, refetchInterval: still ? false : 5000, queryFn: async () => (await client.GET('/x/v1/system')).data! })

/** getDiagnostics returns the bundle as a file. */
export async function getDiagnostics(): Promise<Blob> {
  const { data } = await client.GET('/x/v1/system/diagnostics', { parseAs: 'blob' })
  return data as unknown as Blob
}
