// Every screen of the portal, in one list. The places are those of the hosted portal, where it has them: links with next= go on.
import { createRootRoute, createRoute, lazyRouteComponent as later, redirect } from '@tanstack/react-router'
import { Nowhere } from '../ui'
import { Shell } from './shell'

const root = createRootRoute({ component: Shell, notFoundComponent: Nowhere })
const at = (path: string, component: Parameters<typeof createRoute>[0]['component']) => createRoute({ getParentRoute: () => root, path, component })

export const routeTree = root.addChildren([
  createRoute({ getParentRoute: () => root, path: '/', beforeLoad: () => { throw redirect({ to: '/endpoints' }) } }),
  at('/endpoints', later(() => import('./endpoints'), 'Endpoints')),
  at('/endpoints/new', later(() => import('./new-endpoint'), 'NewEndpoint')),
  at('/endpoints/$endpointId', later(() => import('../screens/endpoint/endpoint'), 'EndpointPage')),
  at('/messages', later(() => import('../screens/message/log/page'), 'MessageLogPage')),
  at('/messages/$messageId', later(() => import('../screens/message/page'), 'MessagePage')),
  at('/event-types', later(() => import('./event-types'), 'EventTypes')),
  at('/event-types/$name', later(() => import('./event-type'), 'EventType')),
  at('/activity', later(() => import('./activity'), 'Activity')),
  at('/connect', later(() => import('./connect'), 'Connect')),
])
