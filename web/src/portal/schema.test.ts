import { parse } from 'lossless-json'
import { expect, test } from 'vitest'
import { fieldsOf } from './schema'

const read = (text: string) => parse(text) as Record<string, unknown>

test('the fields of a schema are listed with their paths', () => {
  const schema = read(`{"type":"object","required":["id","items"],"properties":{
    "id":{"type":"string","format":"uuid","description":"The invoice."},
    "total":{"type":["number","null"]},
    "state":{"enum":["open","paid",1.50]},
    "items":{"type":"array","items":{"$ref":"#/definitions/item"}},
    "customer":{"allOf":[{"properties":{"name":{"type":"string"}},"required":["name"]}]}},
    "definitions":{"item":{"type":"object","properties":{"sku":{"type":"string"}}}}}`)
  expect(fieldsOf(schema).map((f) => [f.path, f.kind, f.required])).toEqual([
    ['id', 'string (uuid)', true], ['total', 'number | null', false], ['state', 'open | paid | 1.50', false],
    ['items', 'object[]', true], ['items[].sku', 'string', false], ['customer', '', false], ['customer.name', 'string', true],
  ])
})

test('whatever a schema is, it is read without harm', () => {
  for (const wrong of ['{}', '{"properties":7}', '{"properties":{"a":null,"b":[],"c":{"$ref":"#/nowhere"},"d":{"$ref":"https://elsewhere.example/x"}}}', '{"allOf":{"a":1},"items":true}']) expect(fieldsOf(read(wrong)), wrong).toEqual([])
  expect(fieldsOf(read('{"properties":{"self":{"$ref":"#"}}}')).length).toBeLessThanOrEqual(10)
  expect(fieldsOf(read('{"$ref":"#/a","properties":{"loop":{"$ref":"#/properties/loop"}}}'))).toEqual([])
})
