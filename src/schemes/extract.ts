import { refuse, type Refuse } from '../core/verdict.ts'
import { isBlank } from './blanks.ts'
import { bytesOf, decode } from './encoding.ts'
import { onlyValue } from './form.ts'
import { newTree, readJson, want, type JsonTree } from './json.ts'
import type { Reading } from './reading.ts'
import { jsonPath, nameOf, type Source } from './source.ts'
import { isDigits } from './digits.ts'

/** Every text that stands at a place; none where the place is empty. */
export type Found = readonly string[] | Malformed
export type Malformed = Refuse<'signature-malformed'>

export function isMalformed(found: Found): found is Malformed {
  return !Array.isArray(found)
}
export type ReadSource = (reading: Reading) => Found

/** Says that what stands at a place cannot be read: never with the text itself. */
export function malformed(where: string, why: string): Malformed {
  return refuse('signature-malformed', { where, why })
}

/** A source → a closure. `body` gathers what is read out of the JSON body, so that it is read once. */
export function compileSource(source: Source, body: JsonTree): ReadSource {
  const name = nameOf(source)
  const read = compilePlace(source, body, name)
  const take = compileTake(source, name)
  if (take === undefined) return read
  const { header, json } = source
  if (header === undefined || json !== undefined) return (reading) => each(read(reading), take)
  const lower = header.toLowerCase()
  return ({ delivery }) => {
    const text = delivery.headers.one(lower)
    return typeof text === 'string' ? take(text) : single(text, name)
  }
}

/** Reads the one text at a place; undefined where there is none. More than one is malformed. */
export type ReadOnly = (reading: Reading) => string | undefined | Malformed

/** A source that must stand once → a closure; `read` is the same source. A whole header, the usual place, needs no list of texts. */
export function compileOnly(source: Source, read: ReadSource): ReadOnly {
  const name = nameOf(source)
  const twice = malformed(name, 'stands there more than once')
  const { header, list, prefix, json } = source
  if (header !== undefined && list === undefined && prefix === undefined && json === undefined) {
    const lower = header.toLowerCase()
    return ({ delivery }) => {
      const text = delivery.headers.one(lower)
      return typeof text === 'object' ? twice : text
    }
  }
  return (reading) => {
    const found = read(reading)
    if (isMalformed(found)) return found
    return found.length > 1 ? twice : found[0]
  }
}

/** Which part of a text is meant; undefined where it is the whole. */
function compileTake(source: Source, name: string): ((text: string) => Found) | undefined {
  const { list, prefix } = source
  if (list !== undefined) return (text) => itemsOf(text, list, source, name)
  if (prefix === undefined) return undefined
  const wrong = malformed(name, `does not begin with ${prefix}`)
  return (text) => (text.startsWith(prefix) ? [text.slice(prefix.length)] : wrong)
}

function compilePlace(source: Source, body: JsonTree, name: string): ReadSource {
  const place = compileText(source, name)
  if (place === undefined) return compileBodyField(source, body, name)
  return source.json === undefined ? place : compileInnerField(source, place, name)
}

/** The whole text at a place; undefined where the source is a field of the JSON body. */
function compileText(source: Source, name: string): ReadSource | undefined {
  const { header, numbered, query, form, most } = source
  if (header !== undefined) {
    const lower = header.toLowerCase()
    return (reading) => single(reading.delivery.headers.one(lower), name)
  }
  if (numbered !== undefined) return readNumbered(numbered.toLowerCase(), most, name)
  if (query !== undefined) return (reading) => fromPairs(reading.query(), query, name)
  return form === undefined ? undefined : (reading) => fromPairs(reading.form(), form, name)
}

function single(found: string | undefined | { readonly repeated: true }, name: string): Found {
  if (found === undefined) return []
  return typeof found === 'string' ? [found] : malformed(name, 'stands there more than once')
}

function fromPairs(pairs: ReturnType<Reading['query']>, wanted: string, name: string): Found {
  return pairs === undefined ? malformed(name, 'is part of what is not well formed') : single(onlyValue(pairs, wanted), name)
}

function readNumbered(prefix: string, most: number, name: string): ReadSource {
  return ({ delivery: { headers } }) => {
    const seen = new Set<string>()
    for (const header of headers.names) {
      if (!header.startsWith(prefix)) continue
      const number = header.slice(prefix.length)
      if (!isDigits(number) || number.startsWith('0') || number.length > 3 || Number(number) > most) continue
      if (seen.has(header)) return malformed(name, 'stands there more than once')
      seen.add(header)
    }
    return [...seen].map((header) => headers.one(header) as string)
  }
}

function compileBodyField(source: Source, body: JsonTree, name: string): ReadSource {
  const index = want(body, jsonPath(source))
  return (reading) => fromJson(reading.json(), index, name)
}

/** A field of a JSON text that stands somewhere else than in the body. */
function compileInnerField(source: Source, place: ReadSource, name: string): ReadSource {
  const tree = newTree()
  const index = want(tree, jsonPath(source))
  const { decode: encoding } = source
  return (reading) => each(place(reading), (text) => {
    const bytes = encoding === undefined ? bytesOf(text) : decode(text, encoding)
    return bytes === undefined ? malformed(name, `is no ${encoding}`) : fromJson(readJson(bytes, tree), index, name)
  })
}

function fromJson(values: ReturnType<typeof readJson>, index: number, name: string): Found {
  if (typeof values === 'string') return values === 'not-json' ? [] : malformed(name, values)
  const value = values[index]
  return value === undefined ? [] : [value.text]
}

function each(found: Found, take: (text: string) => Found): Found {
  if (isMalformed(found)) return found
  if (found.length === 1) return take(found[0] as string)
  const texts: string[] = []
  for (const text of found) {
    const taken = take(text)
    if (isMalformed(taken)) return taken
    texts.push(...taken)
  }
  return texts
}

const none: readonly string[] = Object.freeze([])

/**
 * The items that are meant, without blanks and tabs at their ends (RFC 9110 section 5.6.3). One pass, no copies; almost always one item is
 * meant, and a list of one costs less to make as a whole than to grow.
 */
function itemsOf(text: string, separator: string, { prefix = '', position, most }: Source, name: string): Found {
  let items: string[] | undefined
  let count = 0
  for (let start = 0; start <= text.length; count += 1) {
    if (count === most) return malformed(name, `has more than ${most} items`)
    const next = text.indexOf(separator, start)
    const end = next === -1 ? text.length : next
    const item = isChosen(position, count) ? itemAt(text, start, end, prefix) : undefined
    if (item !== undefined) {
      if (items === undefined) items = [item]
      else items.push(item)
    }
    start = end + 1
  }
  return items ?? none
}

function isChosen(position: Source['position'], index: number): boolean {
  if (position === undefined) return true
  return position === 'rest' ? index > 0 : index === position - 1
}

/** What stands behind the prefix; undefined where the item begins otherwise. */
function itemAt(text: string, from: number, to: number, prefix: string): string | undefined {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start += 1
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1
  return text.startsWith(prefix, start) && start + prefix.length <= end ? text.slice(start + prefix.length, end) : undefined
}
