import type { ReactNode } from 'react'
import { Link, useSearch } from './link'

/** Tabs are links: which one is open is part of the address (?tab=), the first by default. */
export function Tabs({ tabs, label }: { label: string; tabs: ({ id: string; words: string; content: () => ReactNode } | false | undefined)[] }) {
  const [search] = useSearch()
  const list = tabs.filter((t) => t !== false && t !== undefined)
  const active = list.find((t) => t.id === search.tab) ?? list[0]
  return (
    <>
      <nav className="tabs" aria-label={label}>
        {list.map((t) => <Link key={t.id} to={t === list[0] ? '.' : `.?tab=${t.id}`} className="tab" aria-current={t === active ? 'page' : undefined}>{t.words}</Link>)}
      </nav>
      <div className="tab-panel">{active?.content()}</div>
    </>
  )
}
