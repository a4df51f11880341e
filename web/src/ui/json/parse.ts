// Reads JSON as places in its source text: what is shown is what came, digit by digit.
// JSON.parse would round 12345678901234567890 and drop the first of two equal keys.

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'word'

/** JsonNode is a value: source.slice(start, end). */
export type JsonNode = {
  kind: JsonKind
  start: number
  end: number
  parent?: JsonNode
  /** key is a member's name as it stands in the source, with its quotes; elements have only an index. */
  key?: string
  index: number
  children: JsonNode[]
}

const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const word = /true|false|null/y
const space = /[ \t\r\n]*/y
// A string without its ends is checked for bare control characters, which JSON forbids.
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y

/** parseJson reads a text; undefined where it is no JSON. Depth is bounded by the text's length alone. */
export function parseJson(source: string): JsonNode | undefined {
  let at = 0
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(source)?.[0]
    if (found !== undefined) at += found.length
    return found
  }
  const root: JsonNode = { kind: 'word', start: 0, end: 0, index: 0, children: [] }
  let inside: JsonNode | undefined // the object or array that is being read
  take(space)
  for (;;) {
    // Here a value begins, or a container ends that has just begun.
    const begun = inside !== undefined && inside.children.length === 0 && source[at - 1] !== ','
    const closing = inside && (inside.kind === 'object' ? '}' : ']')
    if (!(inside && source[at] === closing && begun)) {
      let key: string | undefined
      if (inside?.kind === 'object') {
        key = take(string)
        if (key === undefined) return undefined
        take(space)
        if (source[at] !== ':') return undefined
        at++
        take(space)
      }
      const node: JsonNode = inside ? { kind: 'word', start: at, end: at, parent: inside, key, index: inside.children.length, children: [] } : root
      node.start = at
      inside?.children.push(node)
      const first = source[at]
      if (first === '{' || first === '[') {
        node.kind = first === '{' ? 'object' : 'array'
        at++
        inside = node
        take(space)
        continue
      }
      node.kind = first === '"' ? 'string' : first === '-' || (first !== undefined && first >= '0' && first <= '9') ? 'number' : 'word'
      if (take(node.kind === 'string' ? string : node.kind === 'number' ? number : word) === undefined) return undefined
      node.end = at
    }
    // Here a value has ended: so may those around it.
    for (;;) {
      if (!inside) {
        take(space)
        return at === source.length ? root : undefined
      }
      take(space)
      const c = source[at++]
      if (c === ',') {
        if (inside.children.length === 0) return undefined
        take(space)
        if (source[at] === '}' || source[at] === ']') return undefined
        break
      }
      if (c !== (inside.kind === 'object' ? '}' : ']')) return undefined
      inside.end = at
      inside = inside.parent
    }
  }
}

/** nameOf is the name of a member, decoded. */
export function nameOf(key: string): string {
  try {
    return JSON.parse(key) as string
  } catch {
    return key.slice(1, -1)
  }
}

/** pathOf writes where a value is as the search of messages takes it: order.items[0].id; "" for the whole. */
export function pathOf(node: JsonNode): string {
  const steps: string[] = []
  for (let n = node; n.parent; n = n.parent) {
    if (n.key === undefined) steps.push(`[${n.index}]`)
    else {
      const name = nameOf(n.key)
      steps.push(/^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(name) ? `.${name}` : `[${n.key}]`)
    }
  }
  return steps.reverse().join('').replace(/^\./, '')
}

/** findAll lists the values whose name or own text holds the words, in reading order. */
export function findAll(root: JsonNode, source: string, words: string, limit = 1000): JsonNode[] {
  const wanted = words.toLowerCase()
  const found: JsonNode[] = []
  const stack = [root]
  for (let n = stack.pop(); n && found.length < limit; n = stack.pop()) {
    const isLeaf = n.kind !== 'object' && n.kind !== 'array'
    if (n.key?.toLowerCase().includes(wanted) || (isLeaf && source.slice(n.start, n.end).toLowerCase().includes(wanted))) found.push(n)
    for (let i = n.children.length - 1; i >= 0; i--) stack.push(n.children[i]!)
  }
  return found
}
