// Which rows of a JSON tree are in sight: a container's children only where it is open, and of
// many children the first few until more are asked for.
import type { JsonNode } from './parse'

export type JsonRow = { node: JsonNode; level: number; /** hidden: the row stands for so many children that are not shown. */ hidden?: number }

/** pageOfChildren is how many children come at once. */
export const pageOfChildren = 100

export const isContainer = (n: JsonNode) => n.kind === 'object' || n.kind === 'array'

/** firstOpen opens what fits into some rows, level by level. */
export function firstOpen(root: JsonNode, rows = 60): Set<JsonNode> {
  const open = new Set<JsonNode>()
  let budget = rows
  for (let level = [root]; level.length > 0;) {
    const next: JsonNode[] = []
    for (const n of level) {
      if (!isContainer(n) || n.children.length > budget) continue
      budget -= n.children.length
      open.add(n)
      next.push(...n.children)
    }
    level = next
  }
  if (isContainer(root)) open.add(root)
  return open
}

/** rowsOf lists what is in sight, in reading order. shown says how many children of a node were asked for. */
export function rowsOf(root: JsonNode, open: ReadonlySet<JsonNode>, shown: ReadonlyMap<JsonNode, number>): JsonRow[] {
  const rows: JsonRow[] = []
  const stack: JsonRow[] = [{ node: root, level: 1 }]
  for (let row = stack.pop(); row; row = stack.pop()) {
    rows.push(row)
    const { node, level } = row
    if (row.hidden || !isContainer(node) || !open.has(node)) continue
    const limit = shown.get(node) ?? pageOfChildren
    if (node.children.length > limit) stack.push({ node, level: level + 1, hidden: node.children.length - limit })
    for (let i = Math.min(limit, node.children.length) - 1; i >= 0; i--) stack.push({ node: node.children[i]!, level: level + 1 })
  }
  return rows
}

/** reveal opens all that is around a node. */
export function reveal(node: JsonNode, open: ReadonlySet<JsonNode>, shown: ReadonlyMap<JsonNode, number>): [Set<JsonNode>, Map<JsonNode, number>] {
  const nextOpen = new Set(open)
  const nextShown = new Map(shown)
  for (let n = node; n.parent; n = n.parent) {
    nextOpen.add(n.parent)
    if (n.index >= (nextShown.get(n.parent) ?? pageOfChildren)) nextShown.set(n.parent, n.index + 1)
  }
  return [nextOpen, nextShown]
}
