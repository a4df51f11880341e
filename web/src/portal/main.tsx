import { run } from '../main'
import { reportHeight } from './embed'
import { enter } from './key'
import { routeTree } from './routes'

const below = '/app-portal'

reportHeight()
void run(routeTree, below, () => enter(below))
