import { run } from '../main'
import { enter } from './key'
import { routeTree } from './routes'

enter()
void run(routeTree, '/app-portal')
