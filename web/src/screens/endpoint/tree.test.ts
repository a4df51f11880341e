import { expect, test } from 'vitest'
import { treeOf, typesOf } from './tree'

test('names are grouped by their dots, and lonely parts are joined', () => {
  const tree = treeOf(['user.deleted', 'order.paid.late', 'order.paid', 'ping', 'user.created', 'a.b.c'])
  expect(tree.map((b) => [b.label, b.isType, typesOf(b)])).toEqual([
    ['a.b.c', true, ['a.b.c']],
    ['order.paid', true, ['order.paid', 'order.paid.late']],
    ['ping', true, ['ping']],
    ['user', false, ['user.created', 'user.deleted']],
  ])
  expect(treeOf([])).toEqual([])
})
