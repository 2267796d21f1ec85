import type { FeedDocument, Selection } from './feed-document.ts'
import { parseRange } from './ranges.ts'

/** The ranges of a published list, or why it is none. */
export type FeedReading = { readonly ranges: readonly string[] } | { readonly fault: string }

/** Wider than any sender is: a default route, or half of one. */
const widest = { four: 8, six: 16 }
const mostRanges = 20_000

/** Reads a list in the shape that its document states. One member that is no range spoils the list: the last good one stays. */
export function readFeed(document: Pick<FeedDocument, 'json'>, text: string): FeedReading {
  const found = document.json === undefined ? readLines(text) : readJson(document.json, text)
  if ('fault' in found) return found
  const ranges = [...new Set(found.ranges)]
  if (ranges.length === 0) return { fault: 'the list is empty' }
  if (ranges.length > mostRanges) return { fault: `the list holds more than ${mostRanges} ranges` }
  const fault = ranges.map(faultOf).find((one) => one !== undefined)
  return fault === undefined ? { ranges } : { fault }
}

/**
 * Why a new list must not take the place of the one before; undefined where it may. A list that lost more than half is
 * more likely broken, or somebody else's, than right.
 */
export function feedObjection(document: Pick<FeedDocument, 'json'>, text: string, before: readonly string[]): string | undefined {
  const reading = readFeed(document, text)
  if ('fault' in reading) return reading.fault
  if (reading.ranges.length * 2 >= before.length) return undefined
  return `the list shrank from ${before.length} ranges to ${reading.ranges.length}`
}

function faultOf(text: string): string | undefined {
  const parsed = parseRange(text)
  if ('mend' in parsed) return parsed.what
  const slash = text.indexOf('/')
  const length = slash === -1 ? Infinity : Number(text.slice(slash + 1))
  return length < (text.includes(':') ? widest.six : widest.four) ? `${text} is wider than any sender` : undefined
}

/** One range a line; empty lines and those that begin with # do not count. */
function readLines(text: string): FeedReading {
  return { ranges: text.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#')) }
}

function readJson(selections: readonly Selection[], text: string): FeedReading {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return { fault: 'the answer is not JSON' }
  }
  const ranges: string[] = []
  for (const selection of selections) {
    const found = select(json, selection)
    if (found === undefined) return { fault: `there is no list of ranges at ${selection.pointer === '' ? 'the top' : selection.pointer}` }
    ranges.push(...found)
  }
  return { ranges }
}

function select(json: unknown, { pointer, field, where }: Selection): readonly string[] | undefined {
  const list = follow(json, pointer)
  if (!Array.isArray(list)) return undefined
  const wanted = Object.entries(where)
  const members = list.filter((member) => wanted.every(([name, value]) => matches(own(member, name), value)))
  const texts: unknown[] = field === undefined ? members : members.map((member) => own(member, field))
  return texts.every((one) => typeof one === 'string') ? texts : undefined
}

/** RFC 6901. */
function follow(json: unknown, pointer: string): unknown {
  const tokens = pointer.split('/').slice(1).map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
  return tokens.reduce(own, json)
}

/** A member of an object or list; undefined for whatever was not written there. */
function own(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  return (value as Record<string, unknown>)[name]
}

function matches(found: unknown, wanted: string): boolean {
  return found === wanted || (Array.isArray(found) && found.includes(wanted))
}
