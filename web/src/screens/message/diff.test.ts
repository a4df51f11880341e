import { expect, test } from 'vitest'
import { diffHeaders } from './diff'
import { targetOf } from './target'

test('headers are side by side whatever their case, the different ones first', () => {
  expect(diffHeaders([['Content-Type', 'a'], ['X-Only-Here', '1'], ['Date', 'x'], ['Set-Cookie', '1'], ['set-cookie', '2']], [['content-type', 'a'], ['Server', 's'], ['date', 'y'], ['set-cookie', '1, 2']])).toEqual([
    { name: 'server', there: 's', same: false },
    { name: 'x-only-here', here: '1', same: false },
    { name: 'content-type', here: 'a', there: 'a', same: true },
    { name: 'date', here: 'x', there: 'y', same: true },
    { name: 'set-cookie', here: '1, 2', there: '1, 2', same: true },
  ])
})

test('a redirect is followed to web addresses alone', () => {
  const from = 'https://example.com/a/b'
  expect(targetOf([['Location', '/c']], from)).toBe('https://example.com/c')
  expect(targetOf([['LOCATION', 'http://other.example/']], from)).toBe('http://other.example/')
  for (const bad of ['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'http://']) expect(targetOf([['location', bad]], from)).toBeUndefined()
  expect(targetOf([], from)).toBeUndefined()
})
