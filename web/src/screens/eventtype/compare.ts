// Compares two JSON Schemas (draft 7) of an event type: what a payload may be by each. What takes
// something away that a receiver could rely on, or refuses what was valid, is breaking.
export type Change = {
  /** path is where: "customer.address[].zip"; "" for the payload itself. */
  path: string
  kind: 'removed' | 'added' | 'required' | 'optional' | 'type' | 'values' | 'format' | 'bounds' | 'closed' | 'opened' | 'other'
  breaking: boolean
  from?: string
  to?: string
}

type Schema = Record<string, unknown>
const isSchema = (v: unknown): v is Schema => typeof v === 'object' && v !== null && !Array.isArray(v)
const show = (v: unknown): string => (v === undefined ? '' : typeof v === 'string' ? v : JSON.stringify(v))
const has = (o: Schema, key: string) => Object.hasOwn(o, key)

// lower bounds are narrowed by a greater value, upper ones by a smaller.
const lower = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties']
const upper = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties']
// These are compared as a whole: whether one is narrower than another nobody can say in general.
const whole = ['pattern', 'multipleOf', 'uniqueItems', 'not', 'if', 'then', 'else', 'oneOf', 'anyOf', 'dependencies', 'contains', 'propertyNames', 'patternProperties']

/** compare lists what changed from one schema to the next, in the order of the paths. */
export function compare(before: unknown, after: unknown): Change[] {
  const out: Change[] = []
  walk(before, after, before, after, '', out, new Set())
  return out.sort((a, b) => Number(b.breaking) - Number(a.breaking) || a.path.localeCompare(b.path))
}

/** isBreaking is the verdict on all of them. */
export const isBreaking = (changes: Change[]): boolean => changes.some((c) => c.breaking)

function walk(rawA: unknown, rawB: unknown, rootA: unknown, rootB: unknown, path: string, out: Change[], seen: Set<string>) {
  // true and {} allow everything, false nothing.
  if (rawA === false || rawB === false) {
    if (rawA !== rawB) out.push({ path, kind: 'other', breaking: rawB === false, from: show(rawA), to: show(rawB) })
    return
  }
  const a = flat(rawA, rootA), b = flat(rawB, rootB)
  // A schema that refers to itself would be walked for ever; each pair of references is looked at once.
  const pair = `${refOf(rawA)} ${refOf(rawB)}`
  if (pair.trim() !== '') {
    if (seen.has(pair)) return
    seen = new Set(seen).add(pair)
  }
  types(a, b, path, out)
  values(a, b, path, out)
  if (show(a.format) !== show(b.format)) out.push({ path, kind: 'format', breaking: b.format !== undefined, from: show(a.format), to: show(b.format) })
  for (const key of [...lower, ...upper]) bound(key, a[key], b[key], path, out)
  for (const key of whole) {
    if (sorted(a[key]) !== sorted(b[key])) out.push({ path, kind: 'other', breaking: b[key] !== undefined && b[key] !== false, from: `${key}: ${show(a[key]) || '–'}`, to: `${key}: ${show(b[key]) || '–'}` })
  }
  properties(a, b, rootA, rootB, path, out, seen)
  items(a, b, rootA, rootB, path, out, seen)
}

function types(a: Schema, b: Schema, path: string, out: Change[]) {
  const from = typesOf(a), to = typesOf(b)
  if (from.join() === to.join()) return
  // A whole number is a number.
  const covers = (t: string) => to.length === 0 || to.includes(t) || (t === 'integer' && to.includes('number'))
  const narrowed = from.length === 0 ? to.length > 0 : !from.every(covers)
  out.push({ path, kind: 'type', breaking: narrowed, from: from.join(' | '), to: to.join(' | ') })
}

const typesOf = (s: Schema): string[] => (Array.isArray(s.type) ? s.type.map(String) : s.type === undefined ? [] : [String(s.type)]).sort()

function values(a: Schema, b: Schema, path: string, out: Change[]) {
  const of = (s: Schema) => (has(s, 'const') ? [s.const] : Array.isArray(s.enum) ? s.enum : undefined)?.map(sorted)
  const from = of(a), to = of(b)
  if (from?.join() === to?.join()) return
  const narrowed = to !== undefined && (from === undefined || from.some((v) => !to.includes(v)))
  const gained = from !== undefined && (to === undefined || to.some((v) => !from.includes(v)))
  if (narrowed || gained) out.push({ path, kind: 'values', breaking: narrowed, from: from?.join(', '), to: to?.join(', ') })
}

function bound(key: string, from: unknown, to: unknown, path: string, out: Change[]) {
  if (show(from) === show(to)) return
  const narrowed = to !== undefined && (from === undefined || (lower.includes(key) ? Number(to) > Number(from) : Number(to) < Number(from)))
  out.push({ path, kind: 'bounds', breaking: narrowed, from: `${key}: ${show(from) || '–'}`, to: `${key}: ${show(to) || '–'}` })
}

function properties(a: Schema, b: Schema, rootA: unknown, rootB: unknown, path: string, out: Change[], seen: Set<string>) {
  const from = isSchema(a.properties) ? a.properties : {}
  const to = isSchema(b.properties) ? b.properties : {}
  const neededA = new Set(Array.isArray(a.required) ? a.required.map(String) : [])
  const neededB = new Set(Array.isArray(b.required) ? b.required.map(String) : [])
  for (const name of new Set([...Object.keys(from), ...Object.keys(to), ...neededA, ...neededB])) {
    const at = join(path, name)
    if (has(from, name) && !has(to, name)) {
      out.push({ path: at, kind: 'removed', breaking: true, from: typesOf(flat(from[name], rootA)).join(' | ') })
      continue
    }
    if (!has(from, name) && has(to, name)) out.push({ path: at, kind: 'added', breaking: neededB.has(name), to: typesOf(flat(to[name], rootB)).join(' | ') })
    if (neededB.has(name) && !neededA.has(name)) out.push({ path: at, kind: 'required', breaking: true })
    if (neededA.has(name) && !neededB.has(name)) out.push({ path: at, kind: 'optional', breaking: false })
    if (has(from, name) && has(to, name)) walk(from[name], to[name], rootA, rootB, at, out, seen)
  }
  const closed = (s: Schema) => s.additionalProperties === false
  if (closed(a) !== closed(b)) out.push({ path, kind: closed(b) ? 'closed' : 'opened', breaking: closed(b) })
  else if (isSchema(a.additionalProperties) && isSchema(b.additionalProperties)) walk(a.additionalProperties, b.additionalProperties, rootA, rootB, join(path, '*'), out, seen)
  else if (!isSchema(a.additionalProperties) && isSchema(b.additionalProperties)) out.push({ path: join(path, '*'), kind: 'other', breaking: true, to: show(b.additionalProperties) })
}

function items(a: Schema, b: Schema, rootA: unknown, rootB: unknown, path: string, out: Change[], seen: Set<string>) {
  const at = `${path}[]`
  if (Array.isArray(a.items) || Array.isArray(b.items)) {
    if (sorted(a.items) !== sorted(b.items)) out.push({ path: at, kind: 'other', breaking: true, from: show(a.items), to: show(b.items) })
  } else if (a.items !== undefined && b.items !== undefined) walk(a.items, b.items, rootA, rootB, at, out, seen)
  else if (a.items === undefined && b.items !== undefined) walk({}, b.items, rootA, rootB, at, out, seen)
  else if (a.items !== undefined) walk(a.items, {}, rootA, rootB, at, out, seen)
}

const join = (path: string, name: string) => (path === '' ? name : `${path}.${name}`)
const refOf = (s: unknown): string => (isSchema(s) && typeof s.$ref === 'string' ? s.$ref : '')

// flat follows a reference inside of the document and puts allOf together.
function flat(raw: unknown, root: unknown, depth = 0): Schema {
  if (!isSchema(raw) || depth > 32) return {}
  const ref = refOf(raw)
  if (ref) return flat(resolve(ref, root), root, depth + 1)
  if (!Array.isArray(raw.allOf)) return raw
  const { allOf, ...rest } = raw
  return (allOf as unknown[]).map((s) => flat(s, root, depth + 1)).reduce<Schema>((all, s) => ({
    ...s, ...all,
    ...(s.properties || all.properties ? { properties: { ...(s.properties as object), ...(all.properties as object) } } : {}),
    ...(s.required || all.required ? { required: [...((s.required as unknown[] | undefined) ?? []), ...((all.required as unknown[] | undefined) ?? [])] } : {}),
  }), rest)
}

/** resolve finds what a reference within a document names; undefined where that is nothing. */
export function resolve(ref: string, root: unknown): unknown {
  if (!ref.startsWith('#')) return undefined
  let at: unknown = root
  for (const part of ref.slice(1).split('/').filter(Boolean)) {
    const key = decodeURIComponent(part).replace(/~1/g, '/').replace(/~0/g, '~')
    if (Array.isArray(at)) at = at[Number(key)]
    else if (isSchema(at) && has(at, key)) at = at[key]
    else return undefined
  }
  return at
}

// sorted writes a value so that the order of its keys does not matter.
function sorted(v: unknown): string {
  if (v === undefined) return ''
  if (Array.isArray(v)) return `[${v.map(sorted).join(',')}]`
  if (isSchema(v)) return `{${Object.keys(v).sort().map((k) => `${JSON.stringify(k)}:${sorted(v[k])}`).join(',')}}`
  return JSON.stringify(v)
}
