// What the log is narrowed to. It is typed into one box, as words:
//
//	order.paid                 an event type, also type:order.paid
//	tag:vip channel:eu         a tag, a channel
//	status:failed              what became of it
//	payload.order.id = 123     a field of the payload and its value
//
// and kept in the address, one parameter for each.

/** statuses are in the order of the contract's numbers. */
export const statuses = ['delivered', 'pending', 'failed', 'retrying', 'cancelled'] as const

export type Query = { types: string[]; tag: string; channel: string; status: string; path: string; value: string; since: string; after: string; before: string }

const empty: Query = { types: [], tag: '', channel: '', status: '', path: '', value: '', since: '', after: '', before: '' }

/** fromAddress reads the part of the address behind "?". */
export function fromAddress(search: Record<string, string>): Query {
  const word = (name: string) => search[name] ?? ''
  return {
    ...empty, types: word('type').split(',').filter(Boolean), tag: word('tag'), channel: word('channel'), status: word('status'),
    path: word('path'), value: word('value'), since: word('since'), after: word('after'), before: word('before'),
  }
}

/** toAddress is the other way round; "" takes a parameter away. */
export const toAddress = (q: Query): Record<string, string> => ({
  type: q.types.join(','), tag: q.tag, channel: q.channel, status: q.status, path: q.path, value: q.value, since: q.since, after: q.after, before: q.before,
})

/** typed reads what was typed into the box and adds it to what is there; an unknown word is an event type. */
export function typed(words: string, before: Query): Query {
  const q: Query = { ...before, types: [...before.types] }
  let rest = words.trim()
  // A comparison takes the rest of the line: the value may hold spaces.
  const compared = /(?:^|\s)([^\s=:]+(?:\[[^\]]*\][^\s=:]*)*)\s*==?\s*(.+)$/.exec(rest)
  if (compared) {
    q.path = compared[1]!.replace(/^payload\./, '')
    q.value = compared[2]!.trim()
    rest = rest.slice(0, compared.index)
  }
  for (const word of rest.split(/\s+/).filter(Boolean)) {
    const [, name, value] = /^(type|tag|channel|status):(.+)$/.exec(word) ?? [undefined, 'type', word]
    if (name === 'type') q.types = [...new Set([...q.types, ...value!.split(',').filter(Boolean)])]
    else if (name === 'tag') q.tag = value!
    else if (name === 'channel') q.channel = value!
    else q.status = value!
  }
  return q
}

const spans: Record<string, number> = { '15m': 15 * 60_000, '1h': 3_600_000, '24h': 86_400_000, '7d': 7 * 86_400_000 }
export const spanNames = Object.keys(spans)

/** windowOf is the time that is asked for. A span counts from now, rounded down so that the pages of one list agree. */
export function windowOf(q: Query, now: Date): { after?: string; before?: string } {
  const span = spans[q.since]
  return {
    after: span ? new Date(Math.floor((now.getTime() - span) / 1000) * 1000).toISOString() : q.after || undefined,
    before: span ? undefined : q.before || undefined,
  }
}

export const isNarrowed = (q: Query) => Object.values(toAddress(q)).some(Boolean)
