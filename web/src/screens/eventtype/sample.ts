// Makes a payload that follows a schema: its own examples first, else the least that does.
import { resolve } from './compare'

type Schema = Record<string, unknown>
const isSchema = (v: unknown): v is Schema => typeof v === 'object' && v !== null && !Array.isArray(v)

const formats: Record<string, string> = {
  'date-time': '2026-01-31T12:00:00Z', date: '2026-01-31', time: '12:00:00Z', email: 'person@example.com', uri: 'https://example.com/', url: 'https://example.com/',
  uuid: '123e4567-e89b-42d3-a456-426614174000', hostname: 'example.com', ipv4: '192.0.2.1', ipv6: '2001:db8::1',
}

/** sample returns such a payload. A pattern it does not guess: the server says what does not follow. */
export const sample = (schema: unknown): unknown => make(schema, schema, 0)

function make(raw: unknown, root: unknown, depth: number): unknown {
  if (!isSchema(raw) || depth > 12) return {}
  if (typeof raw.$ref === 'string') return make(resolve(raw.$ref, root), root, depth + 1)
  if (Array.isArray(raw.examples) && raw.examples.length) return raw.examples[0]
  for (const key of ['example', 'const', 'default']) if (Object.hasOwn(raw, key)) return raw[key]
  if (Array.isArray(raw.enum)) return raw.enum[0]
  const choice = (raw.oneOf ?? raw.anyOf) as unknown
  if (Array.isArray(choice) && choice.length && raw.type === undefined && raw.properties === undefined) return make(choice[0], root, depth + 1)
  if (Array.isArray(raw.allOf)) {
    const { allOf, ...rest } = raw
    const parts = [...(allOf as unknown[]), rest].filter((s) => !isSchema(s) || Object.keys(s).length).map((s) => make(s, root, depth + 1))
    return parts.every(isSchema) ? Object.assign({}, ...parts) : parts[0]
  }
  const type = Array.isArray(raw.type) ? raw.type.find((t) => t !== 'null') : raw.type
  const number = (of: string) => (typeof raw[of] === 'number' ? (raw[of] as number) : undefined)
  switch (type) {
    case 'string': {
      const text = formats[String(raw.format)] ?? 'text'
      const padded = text.padEnd(number('minLength') ?? 0, 'x')
      return number('maxLength') === undefined ? padded : padded.slice(0, number('maxLength'))
    }
    case 'integer':
    case 'number': {
      const step = number('multipleOf') ?? 1
      const least = number('minimum') ?? (number('exclusiveMinimum') !== undefined ? number('exclusiveMinimum')! + step : undefined)
      const most = number('maximum') ?? (number('exclusiveMaximum') !== undefined ? number('exclusiveMaximum')! - step : undefined)
      const value = least ?? Math.min(1, most ?? 1)
      return Math.ceil(value / step) * step
    }
    case 'boolean': return true
    case 'null': return null
    case 'array': {
      const items = Array.isArray(raw.items) ? raw.items : Array.from({ length: Math.min(Math.max(1, number('minItems') ?? 1), number('maxItems') ?? 20, 20) }, () => raw.items ?? { type: 'string' })
      // Deep in a schema that refers to itself an empty list ends it.
      return depth > 6 && !number('minItems') ? [] : items.map((i) => make(i, root, depth + 1))
    }
    default: {
      const properties = isSchema(raw.properties) ? raw.properties : {}
      const needed = new Set(Array.isArray(raw.required) ? raw.required.map(String) : [])
      const names = Object.keys(properties).filter((n) => depth < 4 || needed.has(n))
      return Object.fromEntries([...new Set([...names, ...needed])].map((n) => [n, make(Object.hasOwn(properties, n) ? properties[n] : { type: 'string' }, root, depth + 1)]))
    }
  }
}
