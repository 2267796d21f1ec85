/**
 * One reading of host names for everyone who decides by them: SNI, `Host`, the request target and the routes. A second
 * opinion somewhere else is how policies are passed by (CVE-2026-48491, CVE-2026-27588).
 *
 * At run time a host is ASCII: international names reach us in their A-label form (`xn--…`), and the configuration is
 * turned into that form when it is loaded.
 */

/** A host and the port behind it, as a `Host` header or a request target's authority names them (RFC 3986 §3.2). */
export interface Authority {
  /** Lower case, without a trailing dot; IPv6 literals in brackets. */
  readonly host: string
  /** Decimal without leading zeros, or undefined where none is written. */
  readonly port: string | undefined
}

/**
 * `Host`, or an authority → host and port. Undefined for everything that is not exactly that: user names, paths, empty
 * or impossible ports, blanks, empty labels, IPv6 literals that are none.
 */
export function parseAuthority(text: string): Authority | undefined {
  const bracket = text.charCodeAt(0) === openBracket ? text.indexOf(']') : 0
  if (bracket === -1) return undefined
  const colon = text.indexOf(':', bracket)
  if (colon === -1) return authority(text, undefined)
  const port = text.slice(colon + 1)
  return isPort(port) ? authority(text.slice(0, colon), port) : undefined
}

function authority(text: string, port: string | undefined): Authority | undefined {
  const host = parseHost(text)
  return host === undefined ? undefined : { host, port }
}

/** A host name, an IPv4 address or a bracketed IPv6 address in its one form; undefined where it is none of them. */
export function parseHost(text: string): string | undefined {
  if (text.charCodeAt(0) === openBracket) return isBracketedAddress(text) ? text.toLowerCase() : undefined
  const name = text.charCodeAt(text.length - 1) === dot ? text.slice(0, -1) : text
  return isName(name) ? name.toLowerCase() : undefined
}

/** A host as a route may name it: exact, or `*.` and a name, where the star stands for one label. */
export function parseHostPattern(text: string): string | undefined {
  if (!text.startsWith('*.')) return parseHost(text)
  const rest = parseHost(text.slice(2))
  return rest === undefined || rest.startsWith('[') ? undefined : `*.${rest}`
}

/** Does the pattern take the host? Both in the form that `parseHostPattern` and `parseHost` give. */
export function hostMatches(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') ? wildcardOf(host) === pattern : pattern === host
}

/** The one wildcard pattern that takes this host: `a.b.c` → `*.b.c`. Undefined for a single label and for addresses. */
export function wildcardOf(host: string): string | undefined {
  const first = host.indexOf('.')
  if (first === -1 || host.startsWith('[') || isDotted(host)) return undefined
  return `*${host.slice(first)}`
}

const openBracket = 0x5b
const dot = 0x2e
const colonCode = 0x3a

/** 1 to 65535 in plain decimal. */
function isPort(text: string): boolean {
  if (text.length === 0 || text.length > 5 || text.charCodeAt(0) === 0x30) return false
  for (let at = 0; at < text.length; at++) if (!isDigit(text.charCodeAt(at))) return false
  return Number(text) <= 65535
}

/** Letters, digits, `-` and `_` in labels of 1 to 63; at most 253 in all (RFC 1035 §2.3.4; `_` is common inside). */
function isName(text: string): boolean {
  if (text.length === 0 || text.length > 253) return false
  let label = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === dot) {
      if (label === 0) return false
      label = 0
      continue
    }
    if (!isLabelCode(code) || ++label > 63) return false
  }
  return label > 0
}

function isLabelCode(code: number): boolean {
  const lower = code | 0x20
  return (lower >= 0x61 && lower <= 0x7a) || isDigit(code) || code === 0x2d || code === 0x5f
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

/** `[` IPv6address `]` (RFC 3986 §3.2.2); no zone, no future address forms. */
function isBracketedAddress(text: string): boolean {
  return text.endsWith(']') && isAddress(text.slice(1, -1))
}

function isAddress(text: string): boolean {
  const gap = text.indexOf('::')
  if (gap === -1) return groups(text, 'last') === 8
  const before = gap === 0 ? 0 : groups(text.slice(0, gap), 'first')
  const after = gap + 2 === text.length ? 0 : groups(text.slice(gap + 2), 'last')
  return before + after <= 7
}

/** How many 16-bit groups; more than 8 where something is none. Only the last part may end in a dotted IPv4 address. */
function groups(text: string, part: 'first' | 'last'): number {
  let count = 0
  let start = 0
  for (let at = 0; at <= text.length; at++) {
    if (at < text.length && text.charCodeAt(at) !== colonCode) continue
    const group = text.slice(start, at)
    start = at + 1
    if (at === text.length && part === 'last' && isDotted(group)) return count + 2
    if (!isGroup(group)) return 9
    count++
  }
  return count
}

function isGroup(text: string): boolean {
  if (text.length === 0 || text.length > 4) return false
  for (let at = 0; at < text.length; at++) {
    const lower = text.charCodeAt(at) | 0x20
    if (!isDigit(text.charCodeAt(at)) && !(lower >= 0x61 && lower <= 0x66)) return false
  }
  return true
}

function isDotted(text: string): boolean {
  if (!isDigit(text.charCodeAt(text.length - 1))) return false
  const octets = text.split('.')
  return octets.length === 4 && octets.every(isOctet)
}

function isOctet(text: string): boolean {
  if (text.length === 0 || text.length > 3 || (text.length > 1 && text.charCodeAt(0) === 0x30)) return false
  for (let at = 0; at < text.length; at++) if (!isDigit(text.charCodeAt(at))) return false
  return Number(text) <= 255
}
