// What the person in front of the page may do, and where things are in this page: the
// dashboard and the portal show the same screens of endpoints and messages.
import { createContext, useContext } from 'react'

/** Capability has the names of the contract's portal tokens. An operator's role is put into the same words. */
export type Capability = 'ViewBase' | 'ViewEndpointSecret' | 'ManageEndpointSecret' | 'ManageTransformations' | 'CreateAttempts' | 'ManageEndpoint'

export type Viewer = {
  kind: 'operator' | 'portal'
  /** may is false too for what a read-only portal or a role refuses; the server refuses it all the same. */
  may: (c: Capability) => boolean
  /** appId is the portal's own application. */
  appId?: string
  /** places of this page, as addresses for Link. */
  to: {
    endpoint: (appId: string, endpointId: string) => string
    message: (appId: string, messageId: string) => string
    eventType: (name: string) => string
  }
}

const Context = createContext<Viewer | undefined>(undefined)
export const ViewerProvider = Context.Provider

export function useViewer(): Viewer {
  const viewer = useContext(Context)
  if (!viewer) throw new Error('useViewer outside a ViewerProvider')
  return viewer
}
