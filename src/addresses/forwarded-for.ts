import type { AddressTest } from '../core/check.ts'
import type { Address } from '../core/delivery.ts'
import type { Headers } from '../core/headers.ts'
import { parseAddress } from './address.ts'

/** Which header the listed peers write. Never both: the one that a peer only hands on is the sender's own invention. */
export type ForwardedHeader = 'x-forwarded-for' | 'forwarded'

/** The sender's address behind a peer; undefined where a trusted peer wrote what names no address. */
export type SourceBehind = (headers: Headers, peer: Address) => Address | undefined

/**
 * Who stands behind the listed peers: from the peer to the left, past every listed address, to the first one that is
 * not listed, or to the end of the list. What stands further left was written by people whom nobody trusts. A peer that
 * is not listed, and one that writes no header, is the sender itself. What a listed peer wrote and cannot be read
 * (`unknown`, `_hidden`, junk) gives undefined, so that the delivery is refused: taking the peer for the sender would
 * let the internal address pass where the sender's would not.
 */
export function compileForwarded(header: ForwardedHeader, trusted: AddressTest): SourceBehind {
  const hopsOf = header === 'forwarded' ? forwardedHops : forwardedForHops
  return (headers, peer) => {
    if (trusted(peer) === undefined) return peer
    const hops = hopsOf(headers.all(header))
    let nearest: Address = peer
    for (let at = (hops?.length ?? 0) - 1; at >= 0 && trusted(nearest) !== undefined; at--) {
      const address = parseNode(hops?.[at] ?? '')
      if (address === undefined) return undefined
      nearest = address
    }
    return hops === undefined ? undefined : nearest
  }
}

/** `a, b` and `c` on a second line → a, b, c. Empty members do not count (RFC 9110 section 5.6.1.2). */
function forwardedForHops(lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => line.split(',')).map(trimmed).filter((hop) => hop !== '')
}

/** Without the blanks and tabs around it; other white space is not ours to drop. */
function trimmed(text: string): string {
  let [start, end] = [0, text.length]
  while (start < end && isBlank(text[start])) start++
  while (end > start && isBlank(text[end - 1])) end--
  return text.slice(start, end)
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t'
}

/** `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711` → address. */
function parseNode(text: string): Address | undefined {
  const bracketed = /^\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?$/.exec(text)?.[1]
  if (bracketed !== undefined) return bracketed.includes(':') ? parseAddress(bracketed) : undefined
  return parseAddress(/^([0-9.]+):[0-9]{1,5}$/.exec(text)?.[1] ?? text)
}

/** One `name=value` of RFC 7239 section 4: the value is a token, or stands in quotes. */
const pair = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*)")/y

/** The `for` of each member, in order; an empty text where a member has none. Undefined for what is no `Forwarded`. */
function forwardedHops(lines: readonly string[]): readonly string[] | undefined {
  const hops: string[] = []
  for (const line of lines) {
    const found = readMembers(line)
    if (found === undefined) return undefined
    hops.push(...found)
  }
  return hops
}

/** Reads the whole line, so that a quote which somebody left open cannot swallow what a trusted peer appended. */
function readMembers(line: string): readonly string[] | undefined {
  const hops: string[] = []
  let hop: string | undefined
  for (let at = skip(line, 0, isBlank); ;) {
    pair.lastIndex = at
    const found = pair.exec(line)
    if (found === null) return undefined
    const [whole, name, token, quoted] = found as unknown as [string, string, string | undefined, string | undefined]
    if (name.toLowerCase() === 'for') {
      if (hop !== undefined) return undefined
      hop = token ?? unquoted(quoted ?? '')
    }
    at = skip(line, at + whole.length, isBlank)
    if (line[at] !== ';') {
      hops.push(hop ?? '')
      hop = undefined
      if (at === line.length) return hops
      if (line[at] !== ',') return undefined
    }
    at = skip(line, at + 1, isBlank)
  }
}

function skip(line: string, from: number, what: (character: string | undefined) => boolean): number {
  let at = from
  while (what(line[at])) at++
  return at
}

function unquoted(text: string): string {
  return text.replaceAll(/\\(.)/g, '$1')
}
