// An example payload of an event type, as text: numbers stay as they were written.
import { isNumber, LosslessNumber, parse, stringify } from 'lossless-json'

type Json = unknown
type Schema = Record<string, Json>

const isObject = (v: Json): v is Schema => typeof v === 'object' && v !== null && !Array.isArray(v) && !(v instanceof LosslessNumber)
const number = (v: Json): number | undefined => (v instanceof LosslessNumber && isNumber(v.value) ? Number(v.value) : undefined)

/** exampleOf takes the answer of the event type's operation as text, and gives the newest schema's first example, else one
    made from the schema; undefined where there is no schema. */
export function exampleOf(eventType: string): string | undefined {
  const type = parse(eventType) as { schemas?: Json }
  if (!isObject(type.schemas)) return undefined
  const newest = Object.keys(type.schemas).sort((a, b) => Number(b) - Number(a))[0]
  const schema = newest === undefined ? undefined : type.schemas[newest]
  if (!isObject(schema)) return undefined
  const [first] = Array.isArray(schema.examples) ? schema.examples : []
  return stringify(first ?? sampleOf(schema, schema, 0), undefined, 2)
}

/** sampleOf makes a value that a schema of Draft 7 would take, as far as one can be seen from its own words. */
export function sampleOf(schema: Json, root: Json, depth: number): Json {
  if (!isObject(schema) || depth > 12) return null
  if (typeof schema.$ref === 'string') return sampleOf(resolve(schema.$ref, root), root, depth + 1)
  if ('const' in schema) return schema.const
  if ('default' in schema) return schema.default
  for (const list of [schema.examples, schema.enum]) if (Array.isArray(list) && list.length > 0) return list[0]
  for (const list of [schema.oneOf, schema.anyOf]) if (Array.isArray(list) && list.length > 0) return sampleOf(list[0], root, depth + 1)
  if (Array.isArray(schema.allOf)) {
    const own = schema.type || schema.properties ? [{ ...schema, allOf: undefined }] : []
    const parts = [...schema.allOf, ...own].map((s) => sampleOf(s, root, depth + 1))
    return parts.every(isObject) ? Object.assign({}, ...parts) : parts.find((p) => p !== null) ?? null
  }
  const type = Array.isArray(schema.type) ? schema.type.find((t) => t !== 'null') : schema.type
  switch (type ?? (isObject(schema.properties) ? 'object' : undefined)) {
    case 'object': return Object.fromEntries(Object.entries(isObject(schema.properties) ? schema.properties : {}).map(([name, s]) => [name, sampleOf(s, root, depth + 1)]))
    case 'array': {
      const item = Array.isArray(schema.items) ? schema.items[0] : schema.items
      return Array.from({ length: Math.min(3, Math.max(1, number(schema.minItems) ?? 1)) }, () => sampleOf(item ?? {}, root, depth + 1))
    }
    case 'integer': return Math.ceil(least(schema, 1))
    case 'number': return least(schema, 1.5)
    case 'boolean': return true
    case 'string': return words(schema)
    default: return type === undefined ? 'text' : null
  }
}

function least(schema: Schema, usual: number): number {
  const lowest = number(schema.minimum) ?? (number(schema.exclusiveMinimum) === undefined ? -Infinity : number(schema.exclusiveMinimum)! + 1)
  const highest = number(schema.maximum) ?? (number(schema.exclusiveMaximum) === undefined ? Infinity : number(schema.exclusiveMaximum)! - 1)
  return Math.min(highest, Math.max(lowest, usual))
}

const formats: Record<string, string> = {
  'date-time': '2026-01-31T12:00:00Z', date: '2026-01-31', time: '12:00:00Z', email: 'someone@example.com', uri: 'https://example.com/',
  uuid: '3fa85f64-5717-4562-b3fc-2c963f66afa6', hostname: 'example.com', ipv4: '192.0.2.1', ipv6: '2001:db8::1',
}

function words(schema: Schema): string {
  const usual = formats[typeof schema.format === 'string' ? schema.format : ''] ?? 'text'
  return usual.padEnd(Math.min(1000, number(schema.minLength) ?? 0), '.').slice(0, number(schema.maxLength) ?? Infinity)
}

// resolve follows a reference inside the document; others are not fetched.
function resolve(ref: string, root: Json): Json {
  if (!ref.startsWith('#')) return undefined
  return ref.slice(1).split('/').filter(Boolean).reduce<Json>((at, part) => (isObject(at) ? at[decodeURIComponent(part).replace(/~1/g, '/').replace(/~0/g, '~')] : undefined), root)
}
