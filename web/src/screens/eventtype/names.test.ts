import { expect, test } from 'vitest'
import { namesBelow, treeOf } from './names'

test('names are grouped by their dots, and lone parts drawn together', () => {
  const tree = treeOf(['invoice.paid', 'user', 'invoice.item.added', 'user.created', 'invoice.paid', 'a.b.c'])
  expect(tree.map((b) => [b.part, b.name])).toEqual([['a.b.c', 'a.b.c'], ['invoice', undefined], ['user', 'user']])
  expect(tree[1]!.below.map((b) => [b.part, b.path, b.name])).toEqual([['item.added', 'invoice.item.added', 'invoice.item.added'], ['paid', 'invoice.paid', 'invoice.paid']])
  expect(namesBelow(tree[2]!)).toEqual(['user', 'user.created'])
  expect(treeOf([])).toEqual([])
})
