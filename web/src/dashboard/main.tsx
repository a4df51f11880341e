import { session } from '../api/session'
import { queries, run } from '../main'
import { onPreference, preference } from '../ui'
import { takeClaim } from './account/claim-place'
import { routeTree } from './routes'

queries.obey(() => preference('updates') === 'paused', onPreference)

void run(routeTree, '', async () => {
  takeClaim()
  session.resume()
})
