import { session } from '../api/session'
import { run } from '../main'
import { takeClaim } from './account/claim-place'
import { routeTree } from './routes'

void run(routeTree, '', async () => {
  takeClaim()
  session.resume()
})
