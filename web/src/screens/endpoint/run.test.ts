import { expect, test } from 'vitest'
import { runsOf } from './run'

test('what differs is shown with exact numbers, a failure with its place', () => {
  const [a, b] = runsOf(`{"data":[
    {"messageId":"msg_1","eventType":"a","outcome":"sent","unchanged":false,"before":"{}","after":"{}","differences":[{"op":"replace","path":"/id","from":12345678901234567890,"value":1.10},{"op":"remove","path":"/x","from":null}],"headers":{"x-a":"b"}},
    {"messageId":null,"eventType":"","outcome":"failed","unchanged":true,"before":"1","after":null,"differences":null,"failure":{"code":"c","detail":"line 4: TypeError","line":4,"column":null,"reason":"transform_error","console":["hi"]}}]}`)
  expect(a!.differences).toEqual([{ op: 'replace', path: '/id', from: '12345678901234567890', value: '1.10' }, { op: 'remove', path: '/x', from: 'null', value: '' }])
  expect(a!.request).toEqual([{ name: 'x-a', value: 'b' }])
  expect(b).toMatchObject({ failure: { detail: 'line 4: TypeError', line: 4, column: null }, console: ['hi'], differences: [] })
})
