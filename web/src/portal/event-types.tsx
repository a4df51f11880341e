// P6: what events there are.
import { useState } from 'react'
import { text } from '../text'
import { Button, Chip, Empty, Input, legible, Link, Listing, Page } from '../ui'
import { useEventTypes } from './data'

export function EventTypes() {
  const list = useEventTypes()
  const [find, setFind] = useState('')
  const t = text.portal
  const wanted = find.trim().toLowerCase()
  const rows = list.rows.filter((e) => `${e.name} ${e.description}`.toLowerCase().includes(wanted))
  const groups = new Map<string, typeof rows>()
  for (const e of rows) {
    const group = e.groupName ?? (e.name.includes('.') ? e.name.split('.')[0]! : '')
    groups.set(group, [...(groups.get(group) ?? []), e])
  }
  return (
    <Page title={t.eventTypes}>
      <Listing list={list} whenEmpty={<Empty title={t.noEventType}>{t.noEventTypeHelp}</Empty>}>
        {list.rows.length > 8 && <Input label={t.eventsFind} type="search" value={find} onValue={setFind} />}
        {rows.length === 0 && <p className="muted" role="status">{t.nothingFits}</p>}
        {[...groups.keys()].sort().map((group) => (
          <section key={group} className="card">
            <h2><bdi>{group ? legible(group) : t.otherEvents}</bdi></h2>
            <ul className="plain catalogue">
              {groups.get(group)!.map((e) => (
                <li key={e.name}>
                  <Link to={`/event-types/${encodeURIComponent(e.name)}`}><bdi>{legible(e.name)}</bdi></Link>
                  {e.deprecated && <Chip tone="warn">{t.deprecated}</Chip>}
                  <span className="muted break">{legible(e.description)}</span>
                </li>
              ))}
            </ul>
          </section>
        ))}
        {list.more && <div><Button onPress={list.more}>{text.common.loadMore}</Button></div>}
      </Listing>
    </Page>
  )
}
