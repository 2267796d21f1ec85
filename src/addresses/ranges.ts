import type { AddressTest } from '../core/check.ts'
import { mistake } from '../core/fields.ts'
import { z } from 'zod'
import { addressFromBytes, isIPv4, parseAddress } from './address.ts'

/** All addresses from `first` to `last`, both 16 bytes in network order. */
export interface Range {
  readonly first: Uint8Array
  readonly last: Uint8Array
  /** As the operator (or a feed) wrote it. */
  readonly text: string
}

/** What is wrong with a text that should be a range, and what to write. */
export interface RangeMistake { readonly what: string; readonly mend: string }

const shape = 'write an address (203.0.113.7, 2001:db8::7) or a range (203.0.113.0/24, 2001:db8::/32), in full and decimal'

/**
 * An address, or a range in CIDR form (RFC 4632), every bit behind the prefix zero. An IPv6 range holds IPv6 addresses
 * only, `::/0` included; the IPv4-mapped ranges (::ffff:0:0/96 and narrower) are the IPv4 ranges that they spell.
 */
export function parseRange(text: string): Range | RangeMistake {
  const found = /^([^/]+)(?:\/(0|[1-9][0-9]{0,2}))?$/.exec(text)
  const base = found?.[1] === undefined ? undefined : parseAddress(found[1])
  if (found === null || base === undefined) return { what: `${JSON.stringify(text)} is no address and no range`, mend: shape }
  const width = text.includes(':') ? 128 : 32
  const length = found[2] === undefined ? width : Number(found[2])
  if (length > width) return { what: `the prefix of ${JSON.stringify(text)} is longer than the address`, mend: `write at most /${width}` }
  const prefix = length + 128 - width
  const first = masked(base.bytes, prefix, 0x00)
  if (Buffer.compare(first, base.bytes) === 0) return { first, last: masked(base.bytes, prefix, 0xff), text }
  const network = spell(first, text)
  return {
    what: `${JSON.stringify(text)} is an address inside a range, not a range`,
    mend: `write ${network}/${length} for the range, or ${found[1]} for the one address`,
  }
}

/** The network's address, spelled in the family in which the operator wrote. */
function spell(first: Uint8Array, text: string): string {
  const address = addressFromBytes(first).text
  return text.includes(':') && !address.includes(':') ? `::ffff:${address}` : address
}

/** The bytes with every bit behind the prefix set to those of `fill`. */
function masked(bytes: Uint8Array, prefix: number, fill: number): Uint8Array {
  return bytes.map((byte, at) => {
    const kept = Math.min(8, Math.max(0, prefix - at * 8))
    const mask = (0xff00 >> kept) & 0xff
    return (byte & mask) | (fill & ~mask & 0xff)
  })
}

/** A range in the configuration; it stays the text that it was, once that is known to be good. */
export const range = z.string().superRefine((text, context) => {
  const parsed = parseRange(text)
  if ('mend' in parsed) context.addIssue(mistake(parsed.what, parsed.mend))
})

/**
 * Ranges → the question which of them holds an address. Throws for a text that is no range: whoever reads the
 * configuration has refused it before. An empty list holds nothing.
 */
export function compileRanges(texts: readonly string[]): AddressTest {
  const ranges = texts.map((text) => {
    const parsed = parseRange(text)
    if ('mend' in parsed) throw new Error(`${parsed.what}: ${parsed.mend}`)
    return parsed
  })
  if (ranges.length === 0) return () => undefined
  const four = disjoint(ranges.filter(({ first }) => isIPv4(first))).map(({ first, last, text }) => ({ first: numberOf(first), last: numberOf(last), text }))
  const six = disjoint(ranges.filter(({ first }) => !isIPv4(first)))
  return ({ bytes }) => (isIPv4(bytes) ? find(four, numberOf(bytes), difference) : find(six, bytes, order))
}

/**
 * Sorted, and without those that lie inside another. Two CIDR ranges nest or have nothing in common, so what is left
 * is disjoint, and the last one that begins at or before an address is the only one that can hold it.
 */
function disjoint(ranges: readonly Range[]): readonly Range[] {
  const sorted = [...ranges].sort((a, b) => Buffer.compare(a.first, b.first) || Buffer.compare(b.last, a.last))
  const kept: Range[] = []
  for (const range of sorted) {
    const before = kept.at(-1)
    if (before === undefined || order(before.last, range.first) < 0) kept.push(range)
  }
  return kept
}

/** Binary search; parses and allocates nothing. `compare` is below, at or above zero as its first comes before, at or after its second. */
function find<T>(ranges: readonly { readonly first: T; readonly last: T; readonly text: string }[], wanted: T, compare: (a: T, b: T) => number): string | undefined {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compare((ranges[middle] as (typeof ranges)[number]).first, wanted) <= 0) low = middle + 1
    else high = middle
  }
  const candidate = ranges[low - 1]
  return candidate !== undefined && compare(wanted, candidate.last) <= 0 ? candidate.text : undefined
}

/** An IPv4 address as the one number that it is. */
function numberOf(bytes: Uint8Array): number {
  return (((bytes[12] as number) << 24) | ((bytes[13] as number) << 16) | ((bytes[14] as number) << 8) | (bytes[15] as number)) >>> 0
}

function difference(a: number, b: number): number {
  return a - b
}

/** Byte by byte. */
function order(a: Uint8Array, b: Uint8Array): number {
  for (let at = 0; at < 16; at++) {
    const difference = (a[at] as number) - (b[at] as number)
    if (difference !== 0) return difference
  }
  return 0
}
