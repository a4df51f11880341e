// Who asks. The token of a tab is in its session storage; a portal's comes in the fragment of
// its URL and is never sent to a server as a part of one.
import { client, credentials } from './client'

const place = 'hookloft.token'
let token = ''
const listeners = new Set<() => void>()

function set(value: string) {
  token = value
  try {
    if (value) sessionStorage.setItem(place, value)
    else sessionStorage.removeItem(place)
  } catch {
    // An embedded page may have no storage; the token lasts as long as the page then.
  }
  listeners.forEach((l) => l())
}

/** session is the token in use. */
export const session = {
  token: () => token,
  subscribe: (l: () => void) => (listeners.add(l), () => listeners.delete(l)),
  /** restore takes up the token of this tab. */
  restore() {
    try {
      token = sessionStorage.getItem(place) ?? ''
    } catch {
      token = ''
    }
  },
  /** use takes a token without asking the server. */
  use: set,
  /** signIn asks the server who the token is, and keeps it if it is one. */
  async signIn(value: string): Promise<void> {
    const before = token
    token = value.trim()
    try {
      await client.GET('/api/v1/auth/whoami')
    } catch (e) {
      token = before
      throw e
    }
    set(value.trim())
  },
  signOut: () => set(''),
}

credentials.headers = (): Record<string, string> => (token ? { Authorization: `Bearer ${token}` } : {})
credentials.refused = () => set('')
