// What a schema of Draft 7 says, as a list of fields that a person can read. Schemas are somebody's text: whatever
// is not of the expected kind is passed over.

type Schema = Record<string, unknown>

const isSchema = (v: unknown): v is Schema => typeof v === 'object' && v !== null && !Array.isArray(v) && !('isLosslessNumber' in v)

/** Field is one place of a payload. */
export type Field = { path: string; kind: string; required: boolean; description: string }

const most = 400

/** fieldsOf lists the fields with their paths: customer.name, items[].id. At most 400, and no deeper than 8. */
export function fieldsOf(schema: Schema): Field[] {
  const list: Field[] = []
  walk(schema, schema, '', 0, list)
  return list
}

function walk(schema: Schema, root: Schema, at: string, depth: number, list: Field[]) {
  if (depth > 8) return
  for (const s of partsOf(schema, root)) {
    const required = Array.isArray(s.required) ? s.required : []
    for (const [name, value] of Object.entries(isSchema(s.properties) ? s.properties : {})) {
      const below = resolve(value, root)
      const path = at ? `${at}.${name}` : name
      if (list.length >= most || !below || list.some((f) => f.path === path)) continue
      list.push({ path, kind: kindOf(below, root), required: required.includes(name), description: typeof below.description === 'string' ? below.description : '' })
      walk(below, root, path, depth + 1, list)
    }
    const item = resolve(s.items, root)
    if (item) walk(item, root, `${at}[]`, depth + 1, list)
  }
}

// partsOf are the schema and what it is made of by allOf.
function partsOf(schema: Schema, root: Schema): Schema[] {
  const all = Array.isArray(schema.allOf) ? schema.allOf.map((s) => resolve(s, root)).filter((s) => s !== undefined) : []
  return [schema, ...all]
}

function resolve(value: unknown, root: Schema, times = 0): Schema | undefined {
  if (!isSchema(value) || times > 8) return undefined
  if (typeof value.$ref !== 'string') return value
  if (!value.$ref.startsWith('#')) return undefined
  const found = value.$ref.slice(1).split('/').filter(Boolean).reduce<unknown>((at, part) => (isSchema(at) && Object.hasOwn(at, part) ? at[part] : undefined), root)
  return resolve(found, root, times + 1)
}

function kindOf(schema: Schema, root: Schema): string {
  if (Array.isArray(schema.enum)) return schema.enum.slice(0, 12).map(String).join(' | ')
  if ('const' in schema) return String(schema.const)
  const types = (Array.isArray(schema.type) ? schema.type : [schema.type]).filter((t): t is string => typeof t === 'string')
  const one = types.length ? types.join(' | ') : schema.properties ? 'object' : ''
  if (types.includes('array')) {
    const item = resolve(schema.items, root)
    return item ? `${kindOf(item, root)}[]` : 'array'
  }
  return typeof schema.format === 'string' ? `${one} (${schema.format})` : one
}
