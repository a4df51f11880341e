// Where things are in the dashboard.
import type { OwnShapes } from '../api/client'
import type { Viewer } from '../api/viewer'

export const to: Viewer['to'] = {
  endpoint: (app, endpoint) => `/apps/${app}/endpoints/${endpoint}`,
  message: (app, message) => `/apps/${app}/messages/${message}`,
  eventType: (name) => `/event-types/${encodeURIComponent(name)}`,
}

export type Hit = OwnShapes['SearchHit']

/** placeOf is the page of what was found; undefined for what has none. */
export function placeOf(hit: Hit): string | undefined {
  const app = hit.appId ?? ''
  switch (hit.kind) {
    case 'application': return `/apps/${hit.id}`
    case 'endpoint': return to.endpoint(app, hit.id)
    case 'message': return to.message(app, hit.id)
    case 'attempt': return hit.msgId ? `${to.message(app, hit.msgId)}?attempt=${hit.id}` : undefined
    case 'event_type': return to.eventType(hit.id)
    case 'source': return `/sources/${hit.id}`
    case 'task': return `/tasks?task=${hit.id}`
    default: return undefined
  }
}
