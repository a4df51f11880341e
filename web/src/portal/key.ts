// The door of the portal: the key of its URL is taken up, and leaves the address.
import { ApiError, baseURL, client } from '../api/client'
import { session } from '../api/session'
import { applyTheme } from '../ui/preferences'
import { parseKey, placeOf, type Key } from './address'
import { lookNames, readLook, type Look } from './look'

const kept = 'hookloft.portal.look'
let look: Look = {}

/** currentLook is what the link said about looks; it lasts as long as the tab. */
export const currentLook = (): Look => look

let refused = false

/** wasRefused says that the link's key opened nothing. */
export const wasRefused = (): boolean => refused

function remember(asked: Look, fresh: boolean) {
  try {
    if (fresh) sessionStorage.setItem(kept, JSON.stringify(asked))
    else asked = { ...(JSON.parse(sessionStorage.getItem(kept) ?? '{}') as Look), ...asked }
  } catch {
    // An embedded page may have no storage; it lasts as long as the page then.
  }
  look = asked
}

async function use(key: Key | null) {
  // A link that carries a key means that one, and not whoever was here before.
  session.signOut()
  refused = false
  try {
    if (key?.token) session.use(key.token)
    else if (key?.oneTimeToken) {
      const { data } = await client.POST('/api/v1/auth/one-time-token', { body: { oneTimeToken: key.oneTimeToken } })
      session.use(data!.token)
    } else refused = true
  } catch (e) {
    if (!(e instanceof ApiError)) throw e
    refused = true
  }
}

/** enter takes up the address: its key, its looks, and the place that it leads to. What it read leaves the address at once. */
export async function enter(below: string): Promise<void> {
  const key = parseKey(location.hash)
  const search = new URLSearchParams(location.search)
  const fresh = key !== undefined
  remember(readLook(search), fresh)
  const next = placeOf(search.get('next'))
  for (const name of [...lookNames, 'next']) search.delete(name)
  const base = new URL(baseURL).pathname.replace(/\/$/, '') + below
  const rest = search.size ? `?${search}` : ''
  const place = next ? base + next + (rest && (next.includes('?') ? rest.replace('?', '&') : rest)) : location.pathname + rest
  history.replaceState(history.state, '', place + (fresh ? '' : location.hash))
  if (look.darkMode) applyTheme(look.darkMode)
  if (fresh) await use(key)
}
