import { expect, test } from 'vitest'
import { fromAddress, isNarrowed, toAddress, typed, windowOf } from './query'

const none = fromAddress({})

test('one box takes words and a field with its value', () => {
  expect(typed('payload.order.id = 123', none)).toMatchObject({ path: 'order.id', value: '123', types: [] })
  expect(typed('order.id=123', none)).toMatchObject({ path: 'order.id', value: '123' })
  expect(typed('order.items[0].name == "Röst kaffee = gut"', none)).toMatchObject({ path: 'order.items[0].name', value: '"Röst kaffee = gut"' })
  expect(typed('order["we ird"] = 1', none)).toMatchObject({ path: 'order["we ird"]', value: '1' })
  expect(typed('tag:vip order.paid,order.sent channel:eu status:failed a.b = x y', none)).toMatchObject({ tag: 'vip', types: ['order.paid', 'order.sent'], channel: 'eu', status: 'failed', path: 'a.b', value: 'x y' })
  expect(typed('', none)).toEqual(none)
  expect(isNarrowed(none)).toBe(false)
})

test('what is asked for is in the address and comes back from it', () => {
  const q = typed('order.paid order.sent tag:vip a.b = 1', none)
  expect(fromAddress(toAddress(q))).toEqual(q)
  expect(typed('order.paid', q).types).toEqual(['order.paid', 'order.sent'])
})

test('a span counts back from now', () => {
  expect(windowOf({ ...none, since: '1h', before: 'x' }, new Date('2026-11-21T12:00:00.700Z'))).toEqual({ after: '2026-11-21T11:00:00.000Z', before: undefined })
  expect(windowOf({ ...none, after: 'a', before: 'b' }, new Date())).toEqual({ after: 'a', before: 'b' })
})
