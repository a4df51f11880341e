import { expect, test } from 'vitest'
import { browserName } from './browser-name'

test('a browser is called by two words', () => {
  expect(browserName('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36 Edg/130.0')).toBe('Edge, Linux')
  expect(browserName('Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:132.0) Gecko/20100101 Firefox/132.0')).toBe('Firefox, macOS')
  expect(browserName(`<img src=x>${'y'.repeat(100)}`)).toHaveLength(60)
  expect(browserName('')).toBe('')
})
