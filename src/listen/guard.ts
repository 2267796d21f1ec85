import { parseAuthority, type Authority } from '../core/host.ts'
import { Headers } from '../core/headers.ts'
import type { Bytes } from '../core/units.ts'
import type { Facts } from '../core/verdict.ts'
import { inspectTarget, splitTarget } from './target.ts'

/**
 * Is this request's head one that everybody behind us reads as we do? `http1/` has read it to the letter of the grammar; what
 * the grammar lets by, and two parties could still read in two ways, is refused here (RFC 9112, RFC 9110).
 */

/** A request's head as it was read: every line, in order. */
export interface RawHead {
  readonly method: string
  readonly target: string
  readonly version: string
  /** name, value, name, value … */
  readonly rawHeaders: readonly string[]
}

export interface Sound {
  readonly sound: true
  readonly host: string
  readonly path: string
  readonly query: string | undefined
  /** Without the lines whose names hold `_`: no check sees them, and they are not forwarded. */
  readonly headers: Headers
  /** Names of those lines, for the audit record. */
  readonly dropped: readonly string[]
}

export interface Unsound {
  readonly sound: false
  readonly reason: 'malformed-request'
  readonly facts: Facts
  /** Lost: nobody can say where this request ends; the connection must be closed behind the answer. */
  readonly framing: Framing
}
type Framing = 'sound' | 'lost'

/**
 * Judges a head. Cheap enough for every delivery: no regular expression, nothing copied. `most` is what all header lines
 * together may take on the wire.
 */
export function inspect(request: RawHead, most: Bytes): Sound | Unsound {
  const { method, target, version } = request
  if (version !== '1.1' && version !== '1.0') return unsound('version', 'lost')
  if (method === 'CONNECT' || method === 'TRACE') return unsound('method', 'lost')
  if (sizeOf(request.rawHeaders) > most) return unsound('header-size', 'lost')
  const { headers, dropped } = withoutUnderscores(request.rawHeaders)
  const lines = inspectLines(headers, method, version)
  if ('sound' in lines) return lines
  const authority = parseAuthority(lines.host)
  if (authority === undefined) return unsound('host', 'sound')
  const fault = inspectTarget(target)
  if (fault !== undefined) return unsound(fault, 'sound')
  const parts = splitTarget(target)
  if (parts.authority !== undefined && !sameAuthority(parts.authority, authority)) return unsound('target-authority', 'sound')
  return { sound: true, host: authority.host, path: parts.path, query: parts.query, headers, dropped }
}

/**
 * Can a header that decides for this route be read in two ways? Repeated; named by `Connection`, so that the next hop
 * drops it; or holding anything but visible ASCII, blanks and tabs. `reads` holds lower-case names.
 */
export function contested(headers: Headers, reads: ReadonlySet<string>): Unsound | undefined {
  const { names, raw } = headers
  for (let at = 0; at < names.length; at++) {
    const name = names[at] as string
    if (name === 'connection' && namesOneOf(raw[at * 2 + 1] as string, reads)) return unsound('connection-names-deciding', 'sound')
    if (!reads.has(name)) continue
    if (names.indexOf(name, at + 1) !== -1) return unsound('header-repeated', 'sound', name)
    if (!isPlain(raw[at * 2 + 1] as string)) return unsound('header-bytes', 'sound', name)
  }
  return undefined
}

function unsound(what: string, framing: Framing, header?: string): Unsound {
  return { sound: false, reason: 'malformed-request', facts: header === undefined ? { what } : { what, header }, framing }
}

/** As written on the wire: colon, blank and line end included. */
function sizeOf(raw: readonly string[]): Bytes {
  let size = raw.length * 2
  for (const text of raw) size += text.length
  return size
}

/** nginx and Caddy drop such lines, too: to many receivers `X_Real_IP` is the same header as `X-Real-IP`. */
function withoutUnderscores(raw: readonly string[]): { headers: Headers; dropped: readonly string[] } {
  let at = 0
  while (at < raw.length && !(raw[at] as string).includes('_')) at += 2
  if (at >= raw.length) return { headers: new Headers(raw), dropped: none }
  const kept = raw.slice(0, at)
  const dropped: string[] = []
  for (; at < raw.length; at += 2) {
    const name = raw[at] as string
    if (name.includes('_')) dropped.push(name)
    else kept.push(name, raw[at + 1] as string)
  }
  return { headers: new Headers(kept), dropped }
}
const none: readonly string[] = Object.freeze([])

/** Bits for the headers that may stand once, whatever the route. */
const once = { host: 1, length: 2, encoding: 4, type: 8, content: 16, authorization: 32, expect: 64 } as const

/** The lines that frame and direct a request. Gives the `Host` value, or what is wrong. */
function inspectLines({ names, raw }: Headers, method: string, version: string): { host: string } | Unsound {
  let seen = 0
  let host: string | undefined
  for (let at = 0; at < names.length; at++) {
    const name = names[at] as string
    const bit = onceBit(name)
    if (bit === 0 && name !== 'connection') continue
    if ((seen & bit) !== 0) return unsound('header-repeated', isFraming(bit) ? 'lost' : 'sound', name)
    seen |= bit
    const value = raw[at * 2 + 1] as string
    const fault = inspectLine(name, value)
    if (fault !== undefined) return fault
    if (bit === once.host) host = value
    if (bit === once.length && value !== '0' && !mayHaveBody(method)) return unsound('body-not-expected', 'lost')
  }
  if ((seen & once.encoding) !== 0) {
    if (version === '1.0') return unsound('transfer-encoding-in-1.0', 'lost')
    if ((seen & once.length) !== 0) return unsound('two-framings', 'lost')
    if (!mayHaveBody(method)) return unsound('body-not-expected', 'lost')
  }
  return host === undefined ? unsound('host-missing', 'sound') : { host }
}

function onceBit(name: string): number {
  switch (name) {
    case 'host': return once.host
    case 'content-length': return once.length
    case 'transfer-encoding': return once.encoding
    case 'content-type': return once.type
    case 'content-encoding': return once.content
    case 'authorization': return once.authorization
    case 'expect': return once.expect
    default: return 0
  }
}

function isFraming(bit: number): boolean {
  return (bit & (once.length | once.encoding | once.host)) !== 0
}

function inspectLine(name: string, value: string): Unsound | undefined {
  switch (name) {
    case 'content-length': return isDecimal(value) ? undefined : unsound('content-length', 'lost')
    case 'transfer-encoding': return value.toLowerCase() === 'chunked' ? undefined : unsound('transfer-encoding', 'lost')
    case 'expect': return value.toLowerCase() === '100-continue' ? undefined : unsound('expect', 'sound')
    case 'connection': return namesOneOf(value, framers) ? unsound('connection-names-deciding', 'lost') : undefined
    default: return undefined
  }
}

/** Headers that the gateway itself decides by: who names them in `Connection` wants the next hop not to see them. */
const framers: ReadonlySet<string> = new Set([
  'host', 'content-length', 'transfer-encoding', 'content-type', 'content-encoding', 'authorization', 'expect', 'x-forwarded-for',
])

/** GET and HEAD with a body are a request to one party and two to another. */
function mayHaveBody(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD'
}

function isDecimal(text: string): boolean {
  if (text.length === 0 || text.length > 15) return false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x30 || code > 0x39) return false
  }
  return true
}

function namesOneOf(connection: string, names: ReadonlySet<string>): boolean {
  if (connection === 'keep-alive' || connection === 'close') return false
  return connection.toLowerCase().split(',').some((option) => names.has(option.trim()))
}

function isPlain(value: string): boolean {
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at)
    if ((code < 0x20 && code !== 0x09) || code > 0x7e) return false
  }
  return true
}

function sameAuthority(target: Authority & { readonly scheme: 'http' | 'https' }, header: Authority): boolean {
  const usual = target.scheme === 'https' ? '443' : '80'
  return target.host === header.host && (target.port ?? usual) === (header.port ?? usual)
}
