import { expect, test } from 'vitest'
import type { OwnShapes } from '../../api/client'
import { parseFilter } from './filter'

const event = (e: Partial<OwnShapes['TailEvent']>): OwnShapes['TailEvent'] =>
  ({ appId: 'app_1', at: '2026-11-21T12:00:00Z', eventType: 'invoice.paid', kind: 'attempt', msgId: 'msg_1', ...e })

test('what the server can choose it is asked for', () => {
  expect(parseFilter('  app:acme endpoint:ep_1 type:a.b,c.d status:success reason:reset kind:attempt').query)
    .toEqual({ app_id: 'acme', endpoint_id: 'ep_1', event_types: ['a.b', 'c.d'], status: '0', reason: 'reset', kind: 'attempt' })
  expect(parseFilter('').query).toEqual({})
})

test('a star, an endpoint alone and several statuses are chosen here', () => {
  const types = parseFilter('type:invoice.*')
  expect(types.query).toEqual({})
  expect(types.wants(event({}))).toBe(true)
  expect(types.wants(event({ eventType: 'xinvoice.paid' }))).toBe(false)
  expect(types.wants(event({ eventType: 'invoice.' }))).toBe(true)
  expect(parseFilter('type:in.oice.*').wants(event({}))).toBe(false)
  expect(parseFilter('endpoint:ep_1').wants(event({ endpointId: 'ep_2' }))).toBe(false)
  const failed = parseFilter('status:failed')
  expect([0, 1, 2, 3, 4].map((status) => failed.wants(event({ status })))).toEqual([false, false, true, true, false])
  expect(failed.wants(event({ kind: 'message', status: undefined }))).toBe(false)
})

test('what is not understood is named', () => {
  expect(parseFilter('app:a colour:red').wrong).toEqual({ part: 'colour:red', why: 'key' })
  expect(parseFilter('word').wrong?.why).toBe('key')
  expect(parseFilter('status:bad').wrong?.why).toBe('status')
  expect(parseFilter('app:').wrong?.why).toBe('empty')
  expect(parseFilter('app:a app:b').wrong?.why).toBe('twice')
  expect(parseFilter('app:a,b').wrong?.why).toBe('twice')
})
