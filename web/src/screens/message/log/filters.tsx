import { useState, type FormEvent } from 'react'
import { text } from '../../../text'
import { number } from '../../../text/format'
import { Button, Icon, legible, Select } from '../../../ui'
import type { LogRow } from './data'
import { spanNames, statuses, typed, type Query } from './query'

/** SearchBox narrows the log by what is typed; see query.ts for the words it knows. */
export function SearchBox({ query, onQuery, help }: { query: Query; onQuery: (q: Query) => void; help: string }) {
  const [words, setWords] = useState('')
  const t = text.messages
  const submit = (e: FormEvent) => {
    e.preventDefault()
    if (!words.trim()) return
    onQuery(typed(words, query))
    setWords('')
  }
  return (
    <form className="log-search" role="search" onSubmit={submit}>
      <input className="input" type="search" aria-label={t.search} placeholder={t.searchExample} title={help} value={words} onChange={(e) => setWords(e.target.value)} />
      <Button type="submit" icon="search">{t.searchButton}</Button>
    </form>
  )
}

/** TimeSelect is how far back the log goes. */
export function TimeSelect({ query, onQuery }: { query: Query; onQuery: (q: Query) => void }) {
  const t = text.messages
  const options: [string, string][] = [['', t.anyTime], ...spanNames.map((name): [string, string] => [name, t.spans[name as keyof typeof t.spans]])]
  return <Select label={t.timeLabel} options={options} value={query.since} onValue={(since) => onQuery({ ...query, since, after: '', before: '' })} />
}

/** StatusSelect is what became of the messages. */
export function StatusSelect({ query, onQuery }: { query: Query; onQuery: (q: Query) => void }) {
  const t = text.messages
  const options: [string, string][] = [['', t.anyStatus], ...statuses.map((name): [string, string] => [name, t.statuses[name]])]
  return <Select label={t.state} options={options} value={query.status} onValue={(status) => onQuery({ ...query, status })} />
}

/** FilterChips are what the log is narrowed to; each is taken away with a press. */
export function FilterChips({ query, onQuery }: { query: Query; onQuery: (q: Query) => void }) {
  const t = text.messages
  const chips: [string, Query][] = [
    ...query.types.map((type): [string, Query] => [type, { ...query, types: query.types.filter((other) => other !== type) }]),
  ]
  if (query.tag) chips.push([t.tagIs(query.tag), { ...query, tag: '' }])
  if (query.channel) chips.push([t.channelIs(query.channel), { ...query, channel: '' }])
  if (query.status) chips.push([t.statusIs(t.statuses[query.status as keyof typeof t.statuses] ?? query.status), { ...query, status: '' }])
  if (query.path) chips.push([`${query.path} = ${query.value}`, { ...query, path: '', value: '' }])
  if (query.after) chips.push([t.afterIs(query.after), { ...query, after: '' }])
  if (query.before) chips.push([t.beforeIs(query.before), { ...query, before: '' }])
  if (chips.length === 0) return null
  return (
    <ul className="plain row" aria-label={t.filters}>
      {chips.map(([words, without]) => (
        <li key={words}><button type="button" className="chip accent log-chip" aria-label={t.removeFilter(legible(words))} onClick={() => onQuery(without)}><bdi>{legible(words)}</bdi><Icon name="cross" /></button></li>
      ))}
      {chips.length > 1 && <li><Button look="quiet" onPress={() => onQuery({ ...query, types: [], tag: '', channel: '', status: '', path: '', value: '', after: '', before: '' })}>{t.removeAll}</Button></li>}
    </ul>
  )
}

// counted lists the most frequent words of the loaded rows.
function counted(rows: LogRow[], of: (m: LogRow) => string[]): [string, number][] {
  const counts = new Map<string, number>()
  for (const m of rows) for (const word of of(m)) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 8)
}

/** Facets offer the event types and tags of the rows that are loaded, with how many have them. */
export function Facets({ rows, query, onQuery }: { rows: LogRow[]; query: Query; onQuery: (q: Query) => void }) {
  const t = text.messages
  const types = counted(rows, (m) => [m.eventType])
  const tags = counted(rows, (m) => m.tags ?? [])
  const group = (label: string, list: [string, number][], isOn: (w: string) => boolean, toggle: (w: string) => Query) => list.length > 0 && (
    <div className="log-facet" role="group" aria-label={label}>
      <span className="muted small">{label}</span>
      {list.map(([word, n]) => (
        <button key={word} type="button" className={isOn(word) ? 'chip accent log-chip' : 'chip idle log-chip'} aria-pressed={isOn(word)} onClick={() => onQuery(toggle(word))}>
          <bdi>{legible(word)}</bdi> {number(n)}
        </button>
      ))}
    </div>
  )
  return (
    <div className="log-facets">
      {group(t.typesLoaded, types, (w) => query.types.includes(w), (w) => ({ ...query, types: query.types.includes(w) ? query.types.filter((o) => o !== w) : [...query.types, w] }))}
      {group(t.tagsLoaded, tags, (w) => query.tag === w, (w) => ({ ...query, tag: query.tag === w ? '' : w }))}
    </div>
  )
}
