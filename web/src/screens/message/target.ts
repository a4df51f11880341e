/** targetOf is where a redirect leads; undefined where that is no web address. */
export function targetOf(headers: string[][] | null | undefined, from: string): string | undefined {
  const location = headers?.find(([name]) => name?.toLowerCase() === 'location')?.[1]
  if (!location) return undefined
  try {
    const url = new URL(location, from)
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : undefined
  } catch {
    return undefined
  }
}
