// Every screen of the dashboard, in one list.
import { createRootRoute, createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { Nowhere } from '../ui'
import { Applications } from './applications'
import { Shell } from './shell'

const root = createRootRoute({ component: Shell, notFoundComponent: Nowhere })
const at = (path: string, component: Parameters<typeof createRoute>[0]['component']) => createRoute({ getParentRoute: () => root, path, component })

/** later loads a screen when it is first opened: what is not on the way to the common ones need not be in the first load. */
export const later = lazyRouteComponent

export const routeTree = root.addChildren([
  at('/', later(() => import('./overview/overview'), 'Overview')),
  at('/start', later(() => import('./start/start'), 'Start')),
  at('/apps', Applications),
  at('/event-types', later(() => import('./eventtypes/list'), 'EventTypes')),
  at('/event-types/$name', later(() => import('./eventtypes/detail'), 'EventTypePage')),
  at('/settings', later(() => import('./settings/general'), 'General')),
  at('/settings/looks', later(() => import('./settings/looks'), 'Looks')),
  at('/settings/tokens', later(() => import('./settings/tokens'), 'Tokens')),
  at('/settings/transfer', later(() => import('./settings/transfer'), 'Transfer')),
  at('/settings/audit', later(() => import('./settings/audit'), 'Audit')),
  at('/sources', later(() => import('./sources/list'), 'Sources')),
  at('/sources/new', later(() => import('./sources/add'), 'AddSource')),
  at('/sources/$id', later(() => import('./sources/page'), 'SourcePage')),
  at('/tasks', later(() => import('./tasks/tasks'), 'Tasks')),
  at('/issues', later(() => import('./issues/issues'), 'Issues')),
  at('/live', later(() => import('./live/live'), 'Live')),
  at('/apps/$appId/endpoints/$endpointId', later(() => import('../screens/endpoint/endpoint'), 'EndpointPage')),
  at('/messages', later(() => import('./messages'), 'Messages')),
  at('/apps/$appId/messages', later(() => import('../screens/message/log/page'), 'MessageLogPage')),
  at('/apps/$appId/messages/$messageId', later(() => import('../screens/message/page'), 'MessagePage')),
  at('/claim', later(() => import('./account/claim'), 'ClaimPage')),
  at('/account', later(() => import('./account/account'), 'Account')),
  at('/settings/members', later(() => import('./settings/members'), 'MembersPage')),
  at('/system', later(() => import('./system/system'), 'System')),
  at('/apps/$appId', later(() => import('./application'), 'Application')),
])
