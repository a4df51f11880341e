import { expect, test } from 'vitest'
import { parseJson, pathOf } from './parse'
import { firstOpen, pageOfChildren, reveal, rowsOf } from './rows'

test('of many children some are shown, and a search opens the way to any', () => {
  const root = parseJson(JSON.stringify({ small: { a: 1 }, list: Array.from({ length: 1000 }, (_, i) => ({ id: i })) }))!
  const open = firstOpen(root)
  const rows = rowsOf(root, open, new Map())
  expect(rows.map((r) => pathOf(r.node))).toEqual(['', 'small', 'small.a', 'list'])
  const deep = root.children[1]!.children[700]!.children[0]!
  const [all, shown] = reveal(deep, open, new Map())
  const after = rowsOf(root, all, shown)
  expect(after.some((r) => r.node === deep)).toBe(true)
  expect(after.at(-1)).toMatchObject({ hidden: 1000 - 701 })
  expect(rowsOf(root, new Set([root, root.children[1]!]), new Map()).length).toBe(3 + pageOfChildren + 1)
})
