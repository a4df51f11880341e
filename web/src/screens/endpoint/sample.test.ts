import { expect, test } from 'vitest'
import { exampleOf } from './sample'

const of = (schema: string) => exampleOf(`{"name":"a","schemas":{"1":${schema}}}`)?.replace(/\s+/g, '')

test('an example of the newest schema is taken, its numbers as they are written', () => {
  expect(exampleOf('{"schemas":{"2":{"examples":[{"id":12345678901234567890,"a":1.10}]},"10":{"examples":[{"v":10}]}}}')?.replace(/\s/g, '')).toBe('{"v":10}')
  expect(of('{"examples":[{"id":12345678901234567890,"a":1.10}]}')).toBe('{"id":12345678901234567890,"a":1.10}')
  expect(exampleOf('{"schemas":null}')).toBeUndefined()
  expect(exampleOf('{}')).toBeUndefined()
})

test('without an example one is made that fits the schema', () => {
  expect(of('{"type":"object","properties":{"n":{"type":"integer","minimum":5},"at":{"type":"string","format":"date-time"},"kind":{"enum":["b","c"]},"l":{"type":"array","minItems":2,"items":{"type":"boolean"}},"o":{"$ref":"#/definitions/o"},"x":{"type":["null","number"]}},"definitions":{"o":{"properties":{"c":{"const":7}}}}}'))
    .toBe('{"n":5,"at":"2026-01-31T12:00:00Z","kind":"b","l":[true,true],"o":{"c":7},"x":1.5}')
  expect(of('{"allOf":[{"properties":{"a":{"type":"string","maxLength":2}}},{"properties":{"b":{"type":"integer","maximum":0}}}]}')).toBe('{"a":"te","b":0}')
})

test('a schema that refers to itself, or elsewhere, ends', () => {
  expect(of('{"type":"object","properties":{"me":{"$ref":"#"}}}')).toContain('null')
  expect(of('{"$ref":"https://elsewhere.example/a.json"}')).toBe('null')
})
