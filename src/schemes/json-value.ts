import { numberEnd } from './json-number.ts'

/**
 * Steps over values of a JSON text that nobody wants, which is most of a body: by functions that hand the place on, since an object that
 * keeps it costs twice as much. Strict about structure, not about the inside of strings.
 */

export type JsonMistake = 'not-json' | 'too-deep'

/** Nothing that a webhook sends is deeper. */
export const deepest = 64

/** The place behind a value, blanks before it included, that stands below `depth` objects and arrays; or why there is none. */
export function valueEnd(source: string, start: number, depth: number): number | JsonMistake {
  const at = blanksEnd(source, start)
  switch (source.charCodeAt(at)) {
    case 0x7b: return depth < deepest ? objectEnd(source, at + 1, depth + 1) : 'too-deep'
    case 0x5b: return depth < deepest ? arrayEnd(source, at + 1, depth + 1) : 'too-deep'
    case 0x22: return stringEnd(source, at) ?? 'not-json'
    case 0x74: return source.startsWith('true', at) ? at + 4 : 'not-json'
    case 0x66: return source.startsWith('false', at) ? at + 5 : 'not-json'
    case 0x6e: return source.startsWith('null', at) ? at + 4 : 'not-json'
    default: return numberEnd(source, at) ?? 'not-json'
  }
}

function objectEnd(source: string, start: number, depth: number): number | JsonMistake {
  let at = blanksEnd(source, start)
  if (source.charCodeAt(at) === 0x7d) return at + 1
  for (;;) {
    const key = stringEnd(source, blanksEnd(source, at))
    const colon = key === undefined ? source.length : blanksEnd(source, key)
    if (source.charCodeAt(colon) !== 0x3a) return 'not-json'
    const value = valueEnd(source, colon + 1, depth)
    if (typeof value === 'string') return value
    at = blanksEnd(source, value) + 1
    if (source.charCodeAt(at - 1) === 0x2c) continue
    return source.charCodeAt(at - 1) === 0x7d ? at : 'not-json'
  }
}

function arrayEnd(source: string, start: number, depth: number): number | JsonMistake {
  let at = blanksEnd(source, start)
  if (source.charCodeAt(at) === 0x5d) return at + 1
  for (;;) {
    const value = valueEnd(source, at, depth)
    if (typeof value === 'string') return value
    at = blanksEnd(source, value) + 1
    if (source.charCodeAt(at - 1) === 0x2c) continue
    return source.charCodeAt(at - 1) === 0x5d ? at : 'not-json'
  }
}

/** Behind a string that begins here: behind the next quote with an even number of backslashes before it. Undefined where there is none. */
export function stringEnd(source: string, start: number): number | undefined {
  if (source.charCodeAt(start) !== 0x22) return undefined
  let end = source.indexOf('"', start + 1)
  while (end !== -1 && isEscaped(source, end)) end = source.indexOf('"', end + 1)
  return end === -1 ? undefined : end + 1
}

/** Is there an odd number of backslashes before this place? A string begins with a quote, so that the count ends in it. */
function isEscaped(source: string, place: number): boolean {
  let start = place
  while (source.charCodeAt(start - 1) === 0x5c) start -= 1
  return (place - start) % 2 === 1
}

/** Behind blanks, if any (RFC 8259 section 2). */
export function blanksEnd(source: string, start: number): number {
  let at = start
  while (isBlank(source.charCodeAt(at))) at += 1
  return at
}

function isBlank(code: number): boolean {
  return code <= 0x20 && (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09)
}
