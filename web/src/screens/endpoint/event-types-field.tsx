import { useState } from 'react'
import { client } from '../../api/client'
import { useList } from '../../api/list'
import { text } from '../../text'
import { Button, Input } from '../../ui'

/** EventTypesField chooses among the event types; none chosen means all of them. */
export function EventTypesField({ value, onValue }: { value: string[]; onValue: (names: string[]) => void }) {
  const [filter, setFilter] = useState('')
  const list = useList(['event-types', 'names'], (iterator) => client.GET('/api/v1/event-type', { params: { query: { limit: 250, iterator } } }))
  const t = text.newEndpoint
  const names = [...new Set([...value, ...list.rows.map((e) => e.name)])].sort()
  const shown = names.filter((n) => n.toLowerCase().includes(filter.toLowerCase()))
  return (
    <fieldset className="choices">
      <legend>{t.eventTypes}</legend>
      <p className="muted small">{names.length === 0 && !list.pending ? t.noEventTypes : value.length ? t.chosenEvents(value.length) : t.allEventsHelp}</p>
      {names.length > 8 && <Input label={t.findEventType} value={filter} onValue={setFilter} />}
      <ul className="plain choices-list">
        {shown.map((name) => (
          <li key={name}>
            <label className="row">
              <input type="checkbox" checked={value.includes(name)} onChange={(e) => onValue(e.target.checked ? [...value, name] : value.filter((v) => v !== name))} />
              <span>{name}</span>
            </label>
          </li>
        ))}
      </ul>
      {list.more && <Button onPress={list.more}>{text.common.loadMore}</Button>}
    </fieldset>
  )
}
