// What the person in front of the page may do, and where things are in this page: the
// dashboard and the portal show the same screens of endpoints and messages.
import { useQuery } from '@tanstack/react-query'
import { createContext, useContext } from 'react'
import { client } from './client'
import type { Viewer } from './rights'

export { viewerOf, type Capability, type Viewer, type Who } from './rights'

/** useWho asks who asks. */
export const useWho = () => useQuery({ queryKey: ['whoami'], staleTime: 60_000, queryFn: async () => (await client.GET('/x/v1/whoami')).data! })

const Context = createContext<Viewer | undefined>(undefined)
export const ViewerProvider = Context.Provider

export function useViewer(): Viewer {
  const viewer = useContext(Context)
  if (!viewer) throw new Error('useViewer outside a ViewerProvider')
  return viewer
}
