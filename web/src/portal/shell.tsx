// The frame around every screen of the portal. Who comes without a key has no door here: the
// product whose customer they are makes the link.
import { useQuery } from '@tanstack/react-query'
import { Outlet } from '@tanstack/react-router'
import { useMemo, useSyncExternalStore } from 'react'
import { client } from '../api/client'
import { session } from '../api/session'
import { ViewerProvider, type Viewer } from '../api/viewer'
import { text } from '../text'
import { Empty, Loading, Problem } from '../ui'

export function Shell() {
  const token = useSyncExternalStore(session.subscribe, session.token)
  return token ? <Inside /> : <main className="page"><Empty title={text.portal.noKey}>{text.portal.noKeyHelp}</Empty></main>
}

function Inside() {
  const who = useQuery({ queryKey: ['whoami'], queryFn: async () => (await client.GET('/api/v1/auth/whoami')).data! })
  const appId = who.data?.appId ?? undefined
  const viewer = useMemo<Viewer>(() => ({
    kind: 'portal',
    may: () => true, // the server refuses; see whoami
    appId,
    to: {
      endpoint: (_, endpoint) => `/endpoints/${endpoint}`,
      message: (_, message) => `/messages/${message}`,
      eventType: (name) => `/event-types/${encodeURIComponent(name)}`,
    },
  }), [appId])
  if (who.isPending) return <Loading />
  if (who.error) return <Problem error={who.error} onRetry={who.refetch} />
  return <ViewerProvider value={viewer}><main id="content"><Outlet /></main></ViewerProvider>
}
