import { utf8, viewOf } from './encoding.ts'
import { blanksEnd, deepest, stringEnd, valueEnd, type JsonMistake } from './json-value.ts'

/**
 * Reads a few fields out of a JSON text without building it: one pass over the bytes, linear, capped in depth, strict
 * (RFC 8259, no byte order mark) about structure, and about the inside of strings where they are read. A key that is read and stands twice in its object is a fault: two parsers would pick
 * two values (a receiver's last against our first). `JSON.parse` cannot tell, and costs several times as much.
 */

/** Where a field is: keys, and positions in arrays as digits. */
export type JsonPath = readonly string[]

/** Scalars are given as text of one character a byte: a string's UTF-8 bytes, a number exactly as it is spelled. */
export interface JsonScalar { readonly kind: 'string' | 'number' | 'literal'; readonly text: string }

export type JsonFault = JsonMistake | 'repeated-key'

/** The wanted fields. */
export interface JsonTree { readonly root: JsonNode; size: number }

interface JsonNode {
  readonly children: Map<string, JsonNode>
  /** Place of this field's value in the answer; undefined where only fields below it are wanted. */
  index: number | undefined
}

/** A tree that wants nothing yet. */
export function newTree(): JsonTree {
  return { root: { children: new Map(), index: undefined }, size: 0 }
}

/** Wants one more field; gives the place of its value in the answer. */
export function want(tree: JsonTree, path: JsonPath): number {
  let node = tree.root
  for (const key of path) {
    const child = node.children.get(key) ?? { children: new Map(), index: undefined }
    node.children.set(key, child)
    node = child
  }
  if (node.index === undefined) {
    node.index = tree.size
    tree.size += 1
  }
  return node.index
}

/** The wanted scalars by index; absent, null, object and array are undefined. */
export function readJson(bytes: Uint8Array, tree: JsonTree): readonly (JsonScalar | undefined)[] | JsonFault {
  // One character a byte: engines step through such a text several times as fast as through a Buffer.
  const search: Search = { source: viewOf(bytes).toString('latin1'), found: [] }
  const end = fieldEnd(search, tree.root, 0, 0)
  if (typeof end === 'string') return end
  return blanksEnd(search.source, end) === search.source.length ? search.found : 'not-json'
}

/** Functions hand the place on: an object that keeps it, with methods of its own, costs twice as much to make and to ask. */
interface Search { readonly source: string; readonly found: (JsonScalar | undefined)[] }

function fieldEnd(search: Search, node: JsonNode | undefined, start: number, depth: number): number | JsonFault {
  const { source } = search
  if (node === undefined) return valueEnd(source, start, depth)
  const at = blanksEnd(source, start)
  const inside = node.children.size === 0 ? undefined : wantedEnds.get(source.charCodeAt(at))
  if (inside !== undefined) return depth < deepest ? inside(search, node.children, at + 1, depth + 1) : 'too-deep'
  const end = valueEnd(source, at, depth)
  if (node.index === undefined || typeof end === 'string') return end
  const scalar = scalarAt(source, at, end)
  if (scalar === 'unreadable') return 'not-json'
  search.found[node.index] = scalar
  return end
}

type Wanted = ReadonlyMap<string, JsonNode>

/** How an object or an array is read in which something is wanted, by the character that opens it. */
const wantedEnds: ReadonlyMap<number, (search: Search, wanted: Wanted, start: number, depth: number) => number | JsonFault> = new Map([
  [0x7b, wantedObjectEnd], [0x5b, wantedArrayEnd],
])

function wantedObjectEnd(search: Search, wanted: Wanted, start: number, depth: number): number | JsonFault {
  const { source } = search
  const seen = new Set<JsonNode>()
  let at = blanksEnd(source, start)
  if (source.charCodeAt(at) === 0x7d) return at + 1
  for (;;) {
    const key = blanksEnd(source, at)
    const keyEnd = stringEnd(source, key)
    const text = keyEnd === undefined ? undefined : textBetween(source, key, keyEnd)
    if (keyEnd === undefined || text === undefined) return 'not-json'
    const child = wanted.get(text)
    if (child !== undefined && seen.has(child)) return 'repeated-key'
    if (child !== undefined) seen.add(child)
    const colon = blanksEnd(source, keyEnd)
    if (source.charCodeAt(colon) !== 0x3a) return 'not-json'
    const value = fieldEnd(search, child, colon + 1, depth)
    if (typeof value === 'string') return value
    at = blanksEnd(source, value) + 1
    if (source.charCodeAt(at - 1) === 0x2c) continue
    return source.charCodeAt(at - 1) === 0x7d ? at : 'not-json'
  }
}

function wantedArrayEnd(search: Search, wanted: Wanted, start: number, depth: number): number | JsonFault {
  const { source } = search
  let at = blanksEnd(source, start)
  if (source.charCodeAt(at) === 0x5d) return at + 1
  for (let position = 0; ; position += 1) {
    const value = fieldEnd(search, wanted.get(String(position)), at, depth)
    if (typeof value === 'string') return value
    at = blanksEnd(source, value) + 1
    if (source.charCodeAt(at - 1) === 0x2c) continue
    return source.charCodeAt(at - 1) === 0x5d ? at : 'not-json'
  }
}

/** The value between two places, of which `valueEnd` said that it is one. */
function scalarAt(source: string, start: number, end: number): JsonScalar | undefined | 'unreadable' {
  switch (source.charCodeAt(start)) {
    case 0x7b: case 0x5b: case 0x6e: return undefined
    case 0x74: case 0x66: return { kind: 'literal', text: source.slice(start, end) }
    case 0x22: {
      const text = textBetween(source, start, end)
      return text === undefined ? 'unreadable' : { kind: 'string', text }
    }
    default: return { kind: 'number', text: source.slice(start, end) }
  }
}

/** What a string says, its quotes at both places. Undefined where an escape is wrong or names half a character. */
function textBetween(source: string, start: number, end: number): string | undefined {
  const raw = source.slice(start + 1, end - 1)
  if (/[\u0000-\u001f]/.test(raw)) return undefined
  if (!raw.includes('\\')) return raw
  let whole = ''
  let from = 0
  for (let back = raw.indexOf('\\'); back !== -1; back = raw.indexOf('\\', from)) {
    const length = escapeLength(raw, back)
    const character = length === undefined ? undefined : unescaped(raw.slice(back, back + length))
    if (length === undefined || character === undefined) return undefined
    whole += raw.slice(from, back) + character
    from = back + length
  }
  return whole + raw.slice(from)
}

/** How many characters an escape takes; a surrogate pair counts as one escape. */
function escapeLength(raw: string, at: number): number | undefined {
  if (raw[at + 1] !== 'u') return at + 1 < raw.length ? 2 : undefined
  const high = /^\\u[dD][89abAB]/.test(raw.slice(at, at + 4))
  return high ? 12 : 6
}

/** An escape → UTF-8 bytes, one character a byte; undefined where it is none, or half of a surrogate pair. */
function unescaped(escape: string): string | undefined {
  try {
    const character: unknown = JSON.parse(`"${escape}"`)
    return typeof character === 'string' && !/\p{Surrogate}/u.test(character) ? utf8(character) : undefined
  } catch {
    return undefined
  }
}
