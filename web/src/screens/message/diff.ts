/** A row of two lists of headers side by side; undefined where one of them has none of this name. */
export type HeaderDiff = { name: string; here?: string; there?: string; same: boolean }

// These differ with every request and say nothing about why one failed.
const alwaysNew = new Set(['date', 'age', 'webhook-signature', 'webhook-timestamp', 'webhook-id', 'svix-signature', 'svix-timestamp', 'svix-id'])

/** diffHeaders puts headers of two requests side by side, names of both whatever their case; what differs comes first. */
export function diffHeaders(here: [string, string][], there: [string, string][]): HeaderDiff[] {
  const merged = new Map<string, HeaderDiff>()
  for (const [side, list] of [['here', here], ['there', there]] as const) {
    for (const [name, value] of list) {
      const key = name.toLowerCase()
      const row = merged.get(key) ?? { name: key, same: false }
      row[side] = row[side] === undefined ? value : `${row[side]}, ${value}`
      merged.set(key, row)
    }
  }
  const rows = [...merged.values()].map((r) => ({ ...r, same: r.here === r.there || (alwaysNew.has(r.name) && r.here !== undefined && r.there !== undefined) }))
  return rows.sort((a, b) => Number(a.same) - Number(b.same) || (a.name < b.name ? -1 : 1))
}
