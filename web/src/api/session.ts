// Who asks: a token, or a person who has signed in. The token of a tab is in its session storage; a
// portal's comes in the fragment of its URL and is never sent to a server as a part of one.
// A person's session is in a cookie that no script sees; it counts together with the header
// that names the environment.
import { client, credentials } from './client'

const place = 'hookloft.token'
const environmentPlace = 'hookloft.environment'
const anyEnvironment = '-'

// At most one of the two is set.
let token = ''
let environment = ''
const listeners = new Set<() => void>()

function set(to: { token: string } | { environment: string }) {
  token = 'token' in to ? to.token : ''
  environment = 'environment' in to ? to.environment : ''
  try {
    if (token) sessionStorage.setItem(place, token)
    else sessionStorage.removeItem(place)
    if (environment && environment !== anyEnvironment) localStorage.setItem(environmentPlace, environment)
  } catch {
    // An embedded page may have no storage; the token lasts as long as the page then.
  }
  listeners.forEach((l) => l())
}

const out = () => set({ token: '' })

/** session is who asks. */
export const session = {
  token: () => token,
  /** state is another text whenever somebody else asks, or for another environment; '' while nobody does. */
  state: () => token || environment,
  subscribe: (l: () => void) => (listeners.add(l), () => listeners.delete(l)),
  /** restore takes up the token of this tab. */
  restore() {
    try {
      token = sessionStorage.getItem(place) ?? ''
    } catch {
      token = ''
    }
  },
  /** resume tries the cookie of this browser, if there is no token. Whether there is one shows with the first request. */
  resume() {
    if (token) return
    try {
      environment = localStorage.getItem(environmentPlace) || anyEnvironment
    } catch {
      environment = anyEnvironment
    }
  },
  /** use takes a token without asking the server. */
  use: (value: string) => set({ token: value }),
  /** enter goes on as the person of the cookie, in an environment, or in any. */
  enter: (id = anyEnvironment) => set({ environment: id }),
  /** enterLast goes to the environment in which this browser was last, if it is among these. */
  enterLast(ids: string[]) {
    let last: string | null = null
    try {
      last = localStorage.getItem(environmentPlace)
    } catch {
      // Without storage nothing was remembered.
    }
    set({ environment: last && ids.includes(last) ? last : ids[0] ?? anyEnvironment })
  },
  isInAny: () => environment === anyEnvironment,
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
    set({ token: value.trim() })
  },
  /** signOut forgets the token, or ends the session. */
  async signOut(): Promise<void> {
    if (environment) await client.DELETE('/x/v1/session')
    out()
  },
}

credentials.headers = (): Record<string, string> => (token ? { Authorization: `Bearer ${token}` } : environment ? { 'Hookloft-Environment': environment } : {})
credentials.refused = out
