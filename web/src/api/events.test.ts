import { expect, test } from 'vitest'
import { eventReader } from './events'

const text = 'retry: 2000\n\n: watching\n\nevent: attempt\nid: 5\ndata: {"a":1}\n\ndata: one\ndata: two\n\nevent: end\ndata: {}\n\n'

test('events are the same however the stream is cut', () => {
  const whole = eventReader()(text)
  expect(whole).toEqual([
    { event: 'attempt', id: '5', data: '{"a":1}' },
    { event: 'message', id: '5', data: 'one\ntwo' },
    { event: 'end', id: '5', data: '{}' },
  ])
  for (const size of [1, 2, 3, 7]) {
    const take = eventReader()
    const got = []
    for (let i = 0; i < text.length; i += size) got.push(...take(text.slice(i, i + size)))
    expect(got).toEqual(whole)
  }
})

test('lines may end in CR LF, also across pieces', () => {
  const take = eventReader()
  expect([...take('data: x\r'), ...take('\n\r'), ...take('\n')]).toEqual([{ event: 'message', id: '', data: 'x' }])
})

test('an event that is not finished is not given', () => {
  expect(eventReader()('data: x\n')).toEqual([])
})

test('an id stays, and is told also where nothing happened', () => {
  const take = eventReader('a-1')
  expect(take('id: a-1\n\n: alive\n\ndata: x\n\n: alive\nid: a-2\n\nid: bad\0\n\nevent: end\ndata: {}\n\n')).toEqual([
    { event: 'message', id: 'a-1', data: 'x' },
    { event: '', id: 'a-2', data: '' },
    { event: 'end', id: 'a-2', data: '{}' },
  ])
})
