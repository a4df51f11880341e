import { expect, test } from 'vitest'
import { csvHead, lineOf, readPage } from './export'

const page = '{"data":[{"id":"msg_1","eventType":"a","payload":{"n":12345678901234567890,\n "s":"x\\ny"},"tags":["v\\"ip"],"eventId":"=cmd()"},{"id":"msg_2","eventId":null}],"iterator":"next\\u0041","done":false}'

test('a page is taken apart with all its digits', () => {
  const read = readPage(page)
  expect([read.done, read.iterator, read.rows.length]).toEqual([false, 'nextA', 2])
  const line = lineOf('ndjson', read.rows[0]!)
  expect(line).toContain('12345678901234567890')
  expect(line.split('\n').length).toBe(2)
  expect(JSON.parse(line)).toMatchObject({ id: 'msg_1', payload: { s: 'x\ny' } })
  expect(readPage('{"data":[],"done":true,"iterator":null}')).toEqual({ rows: [], done: true, iterator: undefined })
  expect(readPage('no JSON').done).toBe(true)
})

test('a cell is no formula, and quotes are doubled', () => {
  const { rows } = readPage(page)
  expect(csvHead).toBe('id,timestamp,eventType,eventId,channels,tags,payload\r\n')
  expect(lineOf('csv', rows[0]!)).toBe('msg_1,,a,\'=cmd(),,"[""v\\""ip""]","{""n"":12345678901234567890,\n ""s"":""x\\ny""}"\r\n')
  expect(lineOf('csv', rows[1]!)).toBe('msg_2,,,,,,\r\n')
})
