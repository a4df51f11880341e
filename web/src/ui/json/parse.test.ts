import { expect, test } from 'vitest'
import { findAll, nameOf, parseJson, pathOf, type JsonNode } from './parse'

const leaves = (source: string): string[] => {
  const out: string[] = []
  const walk = (n: JsonNode) => {
    if (n.kind === 'object' || n.kind === 'array') n.children.forEach(walk)
    else out.push(source.slice(n.start, n.end))
  }
  const root = parseJson(source)
  if (root) walk(root)
  return out
}

test('a value is its own source text, digit by digit', () => {
  const source = ' {"a": 12345678901234567890, "b": [1e400, -0.0, 1.10, 0.1000000000000000055511151231257827], "a": "\\u0041"} '
  expect(leaves(source)).toEqual(['12345678901234567890', '1e400', '-0.0', '1.10', '0.1000000000000000055511151231257827', '"\\u0041"'])
  expect(parseJson(source)!.children.map((c) => c.key)).toEqual(['"a"', '"b"', '"a"'])
})

test('what JSON.parse takes is taken, and nothing else', () => {
  const texts = ['{}', '[]', '[[]]', '[{}]', '{"a":{}}', '0', '-1', 'true', 'null', '"x"', '[1,2]', ' [ 1 , {"a" : [ ] } ] ', '{"":0}', '[[],[]]',
    '', ' ', '{', '[', ']', '}', '[,]', '[1,]', '{,}', '{"a"}', '{"a":}', '{"a":1,}', '{a:1}', "{'a':1}", '01', '1.', '.5', '+1', '1e', 'tru', 'nulll', '[1 2]', '[1]]', '{}{}', '"\n"', '"\\x"', '"', '"\\u12"',
    'NaN', 'Infinity', '[1}', '{"a":1]', '[,1]', '{"a":1 "b":2}', '\ufeff{}']
  for (const text of texts) {
    let right = true
    try {
      JSON.parse(text)
    } catch {
      right = false
    }
    expect([text, parseJson(text) !== undefined]).toEqual([text, right])
  }
})

test('a hundred thousand brackets are read without a stack', () => {
  const deep = 100_000
  let n = parseJson('['.repeat(deep) + ']'.repeat(deep))
  let depth = 0
  for (; n; n = n.children[0]) depth++
  expect(depth).toBe(deep)
  expect(parseJson('['.repeat(deep))).toBeUndefined()
})

test('a path names a value as the search of messages takes it', () => {
  const source = '{"order":{"items":[{"id":1}],"we.ird\\"":2,"":3},"ünï":4}'
  const paths: string[] = []
  const walk = (n: JsonNode) => {
    if (n.children.length === 0) paths.push(pathOf(n))
    n.children.forEach(walk)
  }
  walk(parseJson(source)!)
  expect(paths).toEqual(['order.items[0].id', 'order["we.ird\\""]', 'order[""]', 'ünï'])
  expect(nameOf('"a\\u0062"')).toBe('ab')
})

test('a search finds names and values in reading order', () => {
  const source = '{"paid":false,"x":["PAID",{"y":"unpaid"}],"z":1}'
  expect(findAll(parseJson(source)!, source, 'paid').map(pathOf)).toEqual(['paid', 'x[0]', 'x[1].y'])
  expect(findAll(parseJson(source)!, source, 'absent')).toEqual([])
})

test('a large text is read at once', () => {
  const source = JSON.stringify(Array.from({ length: 20_000 }, (_, i) => ({ id: i, name: `n${i}` })))
  const before = performance.now()
  expect(parseJson(source)!.children.length).toBe(20_000)
  expect(performance.now() - before).toBeLessThan(2000)
})
