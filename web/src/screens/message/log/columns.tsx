import type { ReactNode } from 'react'
import { text } from '../../../text'
import { Chip, legible, Link, Menu, Time, useStored } from '../../../ui'
import type { LogRow } from './data'
import { Outcome } from './outcome'

type Column = { id: string; words: () => string; width: string; cell: (m: LogRow, to: string) => ReactNode }

const words = (list: string[] | null) => <span className="row log-words">{(list ?? []).map((w) => <Chip key={w} tone="idle"><bdi>{legible(w)}</bdi></Chip>)}</span>

/** columns are those that the log may have; a row's link is its event type. */
export const columns: Column[] = [
  { id: 'type', words: () => text.messages.eventType, width: '16rem', cell: (m, to) => <Link className="ellipsis log-type" to={to}><bdi>{legible(m.eventType)}</bdi></Link> },
  { id: 'state', words: () => text.messages.state, width: '12.5rem', cell: (m) => <Outcome row={m} /> },
  { id: 'app', words: () => text.messages.application, width: '19rem', cell: (m) => <code>{m.appId}</code> },
  { id: 'time', words: () => text.messages.time, width: '9rem', cell: (m) => <Time at={m.timestamp} /> },
  { id: 'moment', words: () => text.messages.moment, width: '13rem', cell: (m) => <Time at={m.timestamp} full /> },
  { id: 'id', words: () => text.messages.id, width: '19rem', cell: (m) => <code>{m.id}</code> },
  { id: 'eventId', words: () => text.messages.eventId, width: '14rem', cell: (m) => <bdi className="ellipsis">{legible(m.eventId ?? '')}</bdi> },
  { id: 'tags', words: () => text.messages.tags, width: '12rem', cell: (m) => words(m.tags) },
  { id: 'channels', words: () => text.messages.channels, width: '12rem', cell: (m) => words(m.channels) },
]
const first = ['type', 'state', 'time', 'id', 'tags']

const isNames = (v: unknown): v is string[] => Array.isArray(v) && v.every((n) => columns.some((c) => c.id === n)) && v.includes('type')

/** useColumns remembers which columns a person wants. One application needs no column for it. */
export function useColumns(isOne: boolean): [Column[], ReactNode] {
  const [names, setNames] = useStored('messages.columns', first, isNames)
  const menu = (
    <Menu words={text.messages.columns} entries={columns.filter((c) => c.id !== 'type' && !(isOne && c.id === 'app')).map((c) => {
      const on = names.includes(c.id)
      return { words: c.words(), icon: on ? 'check' as const : undefined, onPress: () => setNames(on ? names.filter((n) => n !== c.id) : [...names, c.id]) }
    })} />
  )
  return [columns.filter((c) => names.includes(c.id) && !(isOne && c.id === 'app')), menu]
}
