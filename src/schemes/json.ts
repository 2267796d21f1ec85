import { utf8, viewOf } from './encoding.ts'
import { numberEnd } from './json-number.ts'

/**
 * Reads a few fields out of a JSON text without building it: one pass over the bytes, linear, capped in depth, strict
 * (RFC 8259, no byte order mark) about structure, and about the inside of strings where they are read. A key that is read and stands twice in its object is a fault: two parsers would pick
 * two values (a receiver's last against our first). `JSON.parse` cannot tell, and costs several times as much.
 */

/** Where a field is: keys, and positions in arrays as digits. */
export type JsonPath = readonly string[]

/** Scalars are given as text of one character a byte: a string's UTF-8 bytes, a number exactly as it is spelled. */
export interface JsonScalar { readonly kind: 'string' | 'number' | 'literal'; readonly text: string }

export type JsonFault = 'not-json' | 'repeated-key' | 'too-deep'

/** The wanted fields. */
export interface JsonTree { readonly root: JsonNode; size: number }

interface JsonNode {
  readonly children: Map<string, JsonNode>
  /** Place of this field's value in the answer; undefined where only fields below it are wanted. */
  index: number | undefined
}

/** Nothing that a webhook sends is deeper. */
export const deepest = 64

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
  const reader = new Reader(bytes)
  if (!reader.document(tree.root)) return reader.fault
  return reader.found
}

class Reader {
  readonly found: (JsonScalar | undefined)[] = []
  fault: JsonFault = 'not-json'
  /** One character a byte: engines step through such a text several times as fast as through a Buffer. */
  readonly #source: string
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#source = viewOf(bytes).toString('latin1')
  }

  document(root: JsonNode): boolean {
    if (!this.#value(root, 0)) return false
    this.#blanks()
    return this.#at === this.#source.length
  }

  #value(node: JsonNode | undefined, depth: number): boolean {
    this.#blanks()
    switch (this.#source.charCodeAt(this.#at)) {
      case 0x7b: return this.#nest(depth) && this.#object(node, depth + 1)
      case 0x5b: return this.#nest(depth) && this.#array(node, depth + 1)
      case 0x22: return this.#stringValue(node)
      case 0x74: return this.#literal('true', node)
      case 0x66: return this.#literal('false', node)
      case 0x6e: return this.#literal('null', undefined)
      default: return this.#number(node)
    }
  }

  #nest(depth: number): boolean {
    if (depth < deepest) return true
    this.fault = 'too-deep'
    return false
  }

  #object(node: JsonNode | undefined, depth: number): boolean {
    const wanted = node !== undefined && node.children.size > 0 ? node.children : undefined
    let seen: Set<JsonNode> | undefined
    this.#at += 1
    if (this.#takes(0x7d)) return true
    do {
      this.#blanks()
      const start = this.#at
      if (!this.#string()) return false
      const child = wanted === undefined ? undefined : this.#child(wanted, start)
      if (child === 'unreadable') return false
      if (child !== undefined) {
        seen ??= new Set()
        if (seen.has(child)) return this.#repeated()
        seen.add(child)
      }
      if (!this.#takes(0x3a) || !this.#value(child, depth)) return false
    } while (this.#takes(0x2c))
    return this.#takes(0x7d)
  }

  #repeated(): boolean {
    this.fault = 'repeated-key'
    return false
  }

  #array(node: JsonNode | undefined, depth: number): boolean {
    const wanted = node !== undefined && node.children.size > 0 ? node.children : undefined
    let position = 0
    this.#at += 1
    if (this.#takes(0x5d)) return true
    do {
      if (!this.#value(wanted?.get(String(position)), depth)) return false
      position += 1
    } while (this.#takes(0x2c))
    return this.#takes(0x5d)
  }

  #stringValue(node: JsonNode | undefined): boolean {
    const start = this.#at
    if (!this.#string()) return false
    if (node?.index === undefined) return true
    const text = this.#text(start)
    if (text === undefined) return false
    this.found[node.index] = { kind: 'string', text }
    return true
  }

  /** Steps over a string: to the next quote with an even number of backslashes before it. */
  #string(): boolean {
    const source = this.#source
    if (source.charCodeAt(this.#at) !== 0x22) return false
    let end = source.indexOf('"', this.#at + 1)
    while (end !== -1 && isEscaped(source, end)) end = source.indexOf('"', end + 1)
    this.#at = end + 1
    return end !== -1
  }

  /** What is wanted below the key between `start` and here. */
  #child(wanted: ReadonlyMap<string, JsonNode>, start: number): JsonNode | undefined | 'unreadable' {
    const key = this.#text(start)
    return key === undefined ? 'unreadable' : wanted.get(key)
  }

  /** The string between `start` and here. Undefined where an escape is wrong or names half a character. */
  #text(start: number): string | undefined {
    const raw = this.#source.slice(start + 1, this.#at - 1)
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

  #literal(word: 'true' | 'false' | 'null', node: JsonNode | undefined): boolean {
    const end = this.#at + word.length
    if (!this.#source.startsWith(word, this.#at)) return false
    this.#at = end
    if (node?.index !== undefined) this.found[node.index] = { kind: 'literal', text: word }
    return true
  }

  #number(node: JsonNode | undefined): boolean {
    const start = this.#at
    const end = numberEnd(this.#source, start)
    if (end === undefined) return false
    this.#at = end
    if (node?.index !== undefined) this.found[node.index] = { kind: 'number', text: this.#source.slice(start, end) }
    return true
  }

  /** Steps over blanks and this byte, if it is next. */
  #takes(byte: number): boolean {
    this.#blanks()
    if (this.#source.charCodeAt(this.#at) !== byte) return false
    this.#at += 1
    return true
  }

  #blanks(): void {
    const source = this.#source
    let at = this.#at
    while (isBlank(source.charCodeAt(at))) at += 1
    this.#at = at
  }
}

function isBlank(code: number): boolean {
  return code <= 0x20 && (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09)
}

/** Is there an odd number of backslashes before this place? A string begins with a quote, so that the count ends in it. */
function isEscaped(source: string, place: number): boolean {
  let start = place
  while (source.charCodeAt(start - 1) === 0x5c) start -= 1
  return (place - start) % 2 === 1
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
