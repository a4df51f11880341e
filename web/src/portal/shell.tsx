// The frame around every screen of the portal. Who comes without a key has no door here: the
// product whose customer they are makes the link.
import { Outlet } from '@tanstack/react-router'
import { useMemo, useSyncExternalStore } from 'react'
import { session } from '../api/session'
import { useWho, viewerOf, ViewerProvider, type Viewer } from '../api/viewer'
import { text } from '../text'
import { Empty, Loading, Problem } from '../ui'

export function Shell() {
  const token = useSyncExternalStore(session.subscribe, session.token)
  return token ? <Inside /> : <main className="page"><Empty title={text.portal.noKey}>{text.portal.noKeyHelp}</Empty></main>
}

const to: Viewer['to'] = {
  endpoint: (_, endpoint) => `/endpoints/${endpoint}`,
  message: (_, message) => `/messages/${message}`,
  eventType: (name) => `/event-types/${encodeURIComponent(name)}`,
}

function Inside() {
  const who = useWho()
  const viewer = useMemo(() => who.data && viewerOf(who.data, to), [who.data])
  if (who.error && !viewer) return <Problem error={who.error} onRetry={who.refetch} />
  if (!viewer) return <Loading />
  return <ViewerProvider value={viewer}><main id="content"><Outlet /></main></ViewerProvider>
}
