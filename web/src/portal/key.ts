// The key of a portal's URL: #key= and base64 of JSON, as the hosted portal has it. It stays in
// the fragment, which no browser sends to a server, and leaves the address once it was read.
import { session } from '../api/session'

/** parseKey reads the fragment; null where there is no such key. */
export function parseKey(fragment: string): { appId: string; oneTimeToken?: string; token?: string } | null {
  const key = new URLSearchParams(fragment.replace(/^#/, '')).get('key')
  if (!key) return null
  try {
    return JSON.parse(atob(key.replace(/-/g, '+').replace(/_/g, '/'))) as { appId: string; token?: string; oneTimeToken?: string }
  } catch {
    return null
  }
}

/** enter takes up the key of the address. */
export function enter() {
  const key = parseKey(location.hash)
  if (key?.token) {
    session.use(key.token)
    history.replaceState(history.state, '', location.pathname + location.search)
  }
}
