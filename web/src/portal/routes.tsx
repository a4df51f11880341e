// Every screen of the portal, in one list.
import { createRootRoute, createRoute } from '@tanstack/react-router'
import { Endpoints } from './endpoints'
import { Shell } from './shell'

const root = createRootRoute({ component: Shell })
const at = (path: string, component: Parameters<typeof createRoute>[0]['component']) => createRoute({ getParentRoute: () => root, path, component })

export const routeTree = root.addChildren([
  at('/', Endpoints),
])
