import type { Bytes } from './units.ts'

/**
 * Names of header lines, which are few and come again with every request. The same letters are the same string each time:
 * whoever looks one up need not read it again. What is kept is bounded, whatever senders write.
 */

/** Longer names are rare, and are not kept. */
const longest: Bytes = 48
/** A name takes the place of the one before it: who thinks up names makes his own lookups slow. */
const places = 512

const kept: (string | undefined)[] = new Array<string | undefined>(places).fill(undefined)

/** The name that stands there in a head, one character a byte. */
export function fieldName(head: string, from: number, to: number): string {
  const length = to - from
  if (length === 0 || length > longest) return head.slice(from, to)
  const place = placeOf(head, from, length)
  const known = kept[place]
  if (known !== undefined && known.length === length && head.startsWith(known, from)) return known
  const name = alone(head.slice(from, to))
  kept[place] = name
  return name
}

function placeOf(head: string, from: number, length: number): number {
  const middle = from + (length >> 1)
  return (length * 31 + head.charCodeAt(from) * 7 + head.charCodeAt(middle) * 13 + head.charCodeAt(from + length - 1)) % places
}

/** A copy, of characters of one byte: V8 keeps the whole head for as long as a slice of it. */
function alone(slice: string): string {
  return Buffer.from(slice, 'latin1').toString('latin1')
}

/** What follows from a name and from nothing else, made once for those that come again. */
export function byName<T extends string | boolean>(make: (name: string) => T): (name: string) => T {
  const known = new Map<string, T>()
  return (name) => {
    const found = known.get(name)
    if (found !== undefined) return found
    const key = name.length > longest ? '' : alone(name)
    if (key !== name) return make(name)
    if (known.size >= places) known.clear()
    const made = make(key)
    known.set(key, made)
    return made
  }
}

/** In small letters. */
export const lowerName = byName((name) => name.toLowerCase())
