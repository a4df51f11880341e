import { expect, test } from 'vitest'
import { sample } from './sample'

test('a sample has what the schema names, within its bounds', () => {
  expect(sample({
    type: 'object', required: ['free'],
    properties: {
      id: { type: 'string', minLength: 6 }, at: { type: 'string', format: 'date-time' }, n: { type: 'integer', minimum: 5, multipleOf: 3 }, state: { enum: ['paid', 'open'] },
      tags: { type: 'array', items: { type: 'string' }, minItems: 2 }, maybe: { type: ['null', 'boolean'] }, one: { oneOf: [{ const: 7 }, {}] }, by: { $ref: '#/definitions/P' },
    },
    definitions: { P: { allOf: [{ properties: { a: { type: 'null' } } }, { properties: { b: { default: 2 } } }] } },
  })).toEqual({ id: 'textxx', at: '2026-01-31T12:00:00Z', n: 6, state: 'paid', tags: ['text', 'text'], maybe: true, one: 7, by: { a: null, b: 2 }, free: 'text' })
})

test('an example is taken as it is, and a schema that refers to itself ends', () => {
  expect(sample({ examples: [{ a: 1 }, 2], type: 'string' })).toEqual({ a: 1 })
  expect(JSON.stringify(sample({ properties: { next: { $ref: '#' } } })).length).toBeLessThan(200)
  expect(JSON.stringify(sample({ properties: { list: { type: 'array', items: { $ref: '#' } } } })).length).toBeLessThan(400)
})
