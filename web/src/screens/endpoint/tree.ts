/** Branch is an event type, or a part of names before a dot with what is below it; or both. */
export type Branch = { path: string; label: string; isType: boolean; children: Branch[] }

/** treeOf groups names by their dots, sorted. A part with nothing beside it is joined with what is below: "a.b" and not "a" with "b" in it. */
export function treeOf(names: string[]): Branch[] {
  const root: Branch = { path: '', label: '', isType: false, children: [] }
  for (const name of [...new Set(names)].sort()) {
    let at = root
    for (const part of name.split('.')) {
      const path = at.path ? `${at.path}.${part}` : part
      let next = at.children.find((c) => c.path === path)
      if (!next) at.children.push((next = { path, label: part, isType: false, children: [] }))
      at = next
    }
    at.isType = true
  }
  return root.children.map(joined)
}

function joined(b: Branch): Branch {
  const children = b.children.map(joined)
  const only = children[0]
  return !b.isType && children.length === 1 && only ? { ...only, label: `${b.label}.${only.label}` } : { ...b, children }
}

/** typesOf are all event types of a branch. */
export const typesOf = (b: Branch): string[] => [...(b.isType ? [b.path] : []), ...b.children.flatMap(typesOf)]
