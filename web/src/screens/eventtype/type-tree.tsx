import type { Shapes } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { Chip, Link } from '../../ui'

type Type = Shapes['EventTypeOut']
export type Group = { name: string; types: Type[]; groups: Group[] }

/** groupTypes puts types below the part of their name before each dot: invoice.paid and invoice.sent are in "invoice". */
export function groupTypes(types: Type[]): Group {
  const root: Group = { name: '', types: [], groups: [] }
  for (const type of types) {
    const parts = type.name.split('.')
    let at = root
    for (const part of parts.slice(0, -1)) {
      const name = at.name ? `${at.name}.${part}` : part
      let next = at.groups.find((g) => g.name === name)
      if (!next) at.groups.push(next = { name, types: [], groups: [] })
      at = next
    }
    at.types.push(type)
  }
  return root
}

const size = (g: Group): number => g.types.length + g.groups.reduce((n, inner) => n + size(inner), 0)

/** TypeTree lists groups that open and close; what is archived or behind a flag says so. */
export function TypeTree({ group }: { group: Group }) {
  const { to } = useViewer()
  const t = text.eventTypes
  return (
    <ul className="plain type-tree">
      {group.groups.map((g) => (
        <li key={`g ${g.name}`}>
          <details open><summary><code>{`${g.name}.*`}</code> <span className="muted small">{text.common.items(size(g))}</span></summary><TypeTree group={g} /></details>
        </li>
      ))}
      {group.types.map((e) => (
        <li key={e.name} className="type-row">
          <Link to={to.eventType(e.name)}><code>{e.name}</code></Link>
          <span className="muted ellipsis">{e.description}</span>
          {e.archived && <Chip tone="idle">{t.archived}</Chip>}
          {e.deprecated && <Chip tone="warn">{t.deprecated}</Chip>}
          {e.featureFlag && <Chip tone="accent">{e.featureFlag}</Chip>}
        </li>
      ))}
    </ul>
  )
}
