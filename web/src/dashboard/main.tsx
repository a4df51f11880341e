import { run } from '../main'
import { routeTree } from './routes'

void run(routeTree)
