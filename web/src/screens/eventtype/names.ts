/** Branch is a part of the names of event types: invoice, with paid and item.added below it. name is set where an event type ends here. */
export type Branch = { part: string; path: string; name?: string; below: Branch[] }

/** treeOf groups names by their dots. A branch with nothing beside it is drawn together with the one below: invoice.item. */
export function treeOf(names: string[]): Branch[] {
  const root: Branch = { part: '', path: '', below: [] }
  for (const name of [...new Set(names)].sort()) {
    let at = root
    for (const part of name.split('.')) {
      const path = at.path ? `${at.path}.${part}` : part
      let next = at.below.find((b) => b.path === path)
      if (!next) at.below.push((next = { part, path, below: [] }))
      at = next
    }
    at.name = name
  }
  return root.below.map(joined)
}

function joined(b: Branch): Branch {
  const below = b.below.map(joined)
  const [only] = below
  return below.length === 1 && b.name === undefined ? { ...only!, part: `${b.part}.${only!.part}` } : { ...b, below }
}

/** namesBelow are the event types of a branch, its own included. */
export const namesBelow = (b: Branch): string[] => [...(b.name === undefined ? [] : [b.name]), ...b.below.flatMap(namesBelow)]
