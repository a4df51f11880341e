// The address of a portal, as the hosted one has it. The key, #key= and base64 of JSON, stands in the fragment, which no
// browser sends to a server.

export type Key = { appId?: string; token?: string; oneTimeToken?: string }

/** parseKey reads the fragment; undefined where it has no key, null where the key is none. */
export function parseKey(fragment: string): Key | null | undefined {
  const text = /(?:^#?|&)key=([^&]*)/.exec(fragment)?.[1]
  if (text === undefined) return undefined
  try {
    // The "+" of base64 is one here, and no blank as in a form.
    const bytes = Uint8Array.from(atob(decodeURIComponent(text).replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    if (typeof value !== 'object' || value === null) return null
    const { appId, token, oneTimeToken } = value as Record<string, unknown>
    const word = (v: unknown) => (typeof v === 'string' && v !== '' ? v : undefined)
    const key = { appId: word(appId), token: word(token), oneTimeToken: word(oneTimeToken) }
    return key.token || key.oneTimeToken ? key : null
  } catch {
    return null
  }
}

/** placeOf reads `next`: a place of the portal, never one outside of it. "" for none. */
export function placeOf(next: string | null): string {
  if (!next || !/^\/(?![/\\])/.test(next)) return ''
  try {
    const url = new URL(next, 'http://portal.invalid')
    return url.host === 'portal.invalid' && url.pathname !== '/' && !url.pathname.startsWith('//') ? url.pathname + url.search : ''
  } catch {
    return ''
  }
}
