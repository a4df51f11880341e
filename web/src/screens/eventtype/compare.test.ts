import { expect, test } from 'vitest'
import { compare, isBreaking, type Change } from './compare'

const object = (properties: Record<string, unknown>, required: string[] = []) => ({ type: 'object', properties, required })
const one = (before: unknown, after: unknown) => compare(object({ x: before }), object({ x: after }))

const cases: [why: string, changes: Change[], kind: string, breaking: boolean][] = [
  ['a property is gone', compare(object({ a: {}, b: {} }), object({ a: {} })), 'removed', true],
  ['a property is new', compare(object({ a: {} }), object({ a: {}, b: { type: 'string' } })), 'added', false],
  ['a property must be there now', compare(object({ a: {} }), object({ a: {} }, ['a'])), 'required', true],
  ['a property need not be there any more', compare(object({ a: {} }, ['a']), object({ a: {} })), 'optional', false],
  ['another type', one({ type: 'string' }, { type: 'number' }), 'type', true],
  ['fewer types', one({ type: ['string', 'null'] }, { type: 'string' }), 'type', true],
  ['more types', one({ type: 'string' }, { type: ['string', 'null'] }), 'type', false],
  ['a whole number is a number', one({ type: 'integer' }, { type: 'number' }), 'type', false],
  ['a number is no whole one', one({ type: 'number' }, { type: 'integer' }), 'type', true],
  ['a type where there was none', one({}, { type: 'string' }), 'type', true],
  ['a value is gone', one({ enum: ['a', 'b'] }, { enum: ['a'] }), 'values', true],
  ['a value is new', one({ enum: ['a'] }, { enum: ['a', 'b'] }), 'values', false],
  ['values where all were allowed', one({ type: 'string' }, { type: 'string', enum: ['a'] }), 'values', true],
  ['a constant of an enum', one({ enum: ['a', 'b'] }, { const: 'a' }), 'values', true],
  ['a format is asked for', one({ type: 'string' }, { type: 'string', format: 'email' }), 'format', true],
  ['a format is not asked for any more', one({ type: 'string', format: 'email' }, { type: 'string' }), 'format', false],
  ['a higher minimum', one({ minimum: 1 }, { minimum: 2 }), 'bounds', true],
  ['a lower minimum', one({ minimum: 2 }, { minimum: 1 }), 'bounds', false],
  ['a shorter length', one({ maxLength: 9 }, { maxLength: 8 }), 'bounds', true],
  ['no length', one({ maxLength: 9 }, {}), 'bounds', false],
  ['a new maximum', one({}, { maximum: 9 }), 'bounds', true],
  ['a pattern', one({}, { pattern: '^a' }), 'other', true],
  ['no other properties', compare({}, { additionalProperties: false }), 'closed', true],
  ['other properties', compare({ additionalProperties: false }, {}), 'opened', false],
  ['inside of a list', one({ items: { type: 'string' } }, { items: { type: 'number' } }), 'type', true],
]
test.each(cases)('%s', (_, changes, kind, breaking) => {
  expect(changes.map((c) => [c.kind, c.breaking])).toEqual([[kind, breaking]])
})

test('what is the same in other words is no change', () => {
  expect(compare(object({ a: { type: ['null', 'string'], enum: [{ x: 1, y: 2 }] } }, ['a', 'b']), { required: ['b', 'a'], properties: { a: { enum: [{ y: 2, x: 1 }], type: ['string', 'null'] } }, type: 'object' })).toEqual([])
  expect(compare({ title: 'a', description: 'b', examples: [1] }, { title: 'c' })).toEqual([])
  const referred = { $ref: '#/definitions/A', definitions: { A: object({ a: { type: 'string' } }) } }
  expect(compare(referred, object({ a: { type: 'string' } }))).toEqual([])
  expect(compare({ allOf: [object({ a: {} }, ['a']), object({ b: {} })] }, object({ a: {}, b: {} }, ['a']))).toEqual([])
})

test('a schema that refers to itself ends, and names the place', () => {
  const tree = (type: string) => ({ $ref: '#/definitions/T', definitions: { T: object({ id: { type }, children: { type: 'array', items: { $ref: '#/definitions/T' } } }) } })
  expect(compare(tree('string'), tree('string'))).toEqual([])
  const changes = compare(tree('string'), tree('integer'))
  expect(changes).toEqual([{ path: 'id', kind: 'type', breaking: true, from: 'string', to: 'integer' }])
  expect(isBreaking(changes)).toBe(true)
  expect(compare({ $ref: '#' }, { $ref: '#' })).toEqual([])
})

test('names of properties are data, not members of an object', () => {
  const before = JSON.parse('{"type":"object","properties":{"__proto__":{"type":"string"}, "constructor": {}}}') as unknown
  expect(compare(before, object({})).map((c) => [c.path, c.kind])).toEqual([['__proto__', 'removed'], ['constructor', 'removed']])
  expect(compare(object({}), object({ toString: {} })).map((c) => c.kind)).toEqual(['added'])
})

test('what breaks stands first', () => {
  expect(compare(object({ b: {} }), object({ a: {} })).map((c) => c.path)).toEqual(['b', 'a'])
})
