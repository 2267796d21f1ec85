import type { PeerCertificate } from '../core/delivery.ts'
import { byName } from '../core/field-name.ts'
import { Headers } from '../core/headers.ts'
import type { CertificateHeader } from '../core/policy.ts'
import { certificateLines } from './identity.ts'

/**
 * What goes through the inner gate, and what comes back. Order matters (CVE-2024-45410): first what belongs to one hop
 * is dropped, then whatever a sender could forge, and only then do we say who the sender is.
 *
 * Names are compared with every character but letters and digits taken for `-`: to CGI, WSGI and PHP `X_Real_IP`,
 * `X.Real.IP` and `X-Real-IP` are one header (CVE-2025-64484, CVE-2026-39858).
 */

/** What the gateway says of a delivery to the receiver. */
export interface Introduction {
  /** The delivery's id. */
  readonly id: string
  readonly route: string
  /** Who sent, as the checks proved it; undefined where none proves it. */
  readonly sender: string | undefined
  /** The sender's address. */
  readonly from: string
  /** The host that was asked for. */
  readonly host: string
  readonly certificate: PeerCertificate | undefined
  /** How it is told. */
  readonly certificateHeaders: readonly CertificateHeader[]
}

/** The sender's header lines → the receiver's: cleaned, then introduced. Name, value, name, value …, without framing. */
export function towardsReceiver({ raw, names }: Headers, introduction: Introduction): string[] {
  const kept = without(raw, names, toReceiver)
  const { certificate } = introduction
  kept.push(
    'X-Forwarded-For', introduction.from,
    'X-Forwarded-Proto', 'https',
    'X-Forwarded-Host', introduction.host,
    'Sallyport-Route', printable(introduction.route),
    'Sallyport-Delivery', introduction.id,
  )
  if (introduction.sender !== undefined) kept.push('Sallyport-Sender', printable(introduction.sender))
  const told = introduction.certificateHeaders
  if (told.length > 0 && certificate?.trust === 'trusted') for (const text of certificateLines(certificate, told)) kept.push(text)
  return kept
}

/** The receiver's header lines → the sender's: hop-by-hop ones dropped, and those that only the gateway may say. */
export function towardsSender(status: number, raw: readonly string[]): string[] {
  return without(raw, new Headers(raw).names, status === 204 ? bodiless : toSender)
}

/** What is dropped: names in their compared form, and whatever begins with one of the prefixes, by their first letter. */
interface Cleaning { readonly names: ReadonlySet<string>; readonly prefixes: ReadonlyMap<string, readonly string[]> }

/** Is a line of this lower-case name dropped? */
type IsDropped = (name: string) => boolean

function cleaning(names: readonly string[], prefixes: readonly string[]): IsDropped {
  const letters = new Set(prefixes.map((prefix) => prefix.charAt(0)))
  const byLetter = [...letters].map((letter) => [letter, prefixes.filter((prefix) => prefix.startsWith(letter))] as const)
  const dropped: Cleaning = { names: new Set(names), prefixes: new Map(byLetter) }
  return byName((name) => isCleaned(comparedForm(name), dropped))
}

/** RFC 9110 §7.6.1, what older hops made of it, and `Proxy` (CVE-2016-5385). */
const hopByHop = [
  'connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'proxy-authentication-info', 'proxy',
  'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings',
]

const toReceiver = cleaning(
  [
    ...hopByHop, 'host', 'content-length', 'expect',
    // Who and where the sender is.
    'x-real-ip', 'x-real-port', 'x-real-host', 'x-client-ip', 'x-client-port', 'x-cluster-client-ip', 'x-originating-ip', 'x-remote-ip',
    'x-remote-addr', 'x-remote-user', 'remote-addr', 'remote-user', 'client-ip', 'true-client-ip', 'cf-connecting-ip',
    'cf-connecting-ipv6', 'fastly-client-ip', 'x-proxyuser-ip', 'x-host', 'x-scheme', 'x-url-scheme', 'front-end-https',
    // What is asked for: a second opinion on path and method passes every route by.
    'x-rewrite-url', 'x-http-method', 'x-http-method-override', 'x-method-override',
  ],
  [
    'forwarded', 'x-forwarded', 'client-cert', 'x-client-cert', 'x-original-', 'x-ssl-', 'ssl-', 'x-tls-', 'x-envoy-', 'x-auth-request-',
    'x-amzn-mtls-', 'x-arr-clientcert', 'cf-client-cert-', 'sallyport',
  ],
)

const toSender = cleaning(hopByHop, ['sallyport'])

/** A 204 has no length to state (RFC 9110 §8.6). */
const bodiless = cleaning([...hopByHop, 'content-length'], ['sallyport'])

/** `names` are those of `raw` in lower case. */
function without(raw: readonly string[], names: readonly string[], isDropped: IsDropped): string[] {
  const kept: string[] = []
  const named = namedByConnection(raw, names)
  for (let at = 0; at < names.length; at++) {
    const name = names[at] as string
    if (isDropped(name) || named?.has(comparedForm(name)) === true) continue
    kept.push(raw[at * 2] as string, raw[at * 2 + 1] as string)
  }
  return kept
}

function isCleaned(name: string, { names, prefixes }: Cleaning): boolean {
  if (names.has(name)) return true
  return prefixes.get(name.charAt(0))?.some((prefix) => name.startsWith(prefix)) === true
}

/** Of a lower-case name: `-` for every character that is neither letter nor digit. */
function comparedForm(name: string): string {
  return isUsual(name) ? name : name.replaceAll(/[^a-z0-9]/g, '-')
}

function isUsual(name: string): boolean {
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at)
    if (!((code >= 0x61 && code <= 0x7a) || code === 0x2d || (code >= 0x30 && code <= 0x39))) return false
  }
  return true
}

/** What the `Connection` lines name; undefined where they name nothing but themselves. */
function namedByConnection(raw: readonly string[], names: readonly string[]): ReadonlySet<string> | undefined {
  const first = names.indexOf('connection')
  if (first === -1 || raw[first * 2 + 1] === 'keep-alive' && names.indexOf('connection', first + 1) === -1) return undefined
  const named = new Set<string>()
  for (let at = first; at !== -1; at = names.indexOf('connection', at + 1)) {
    for (const option of (raw[at * 2 + 1] as string).split(',')) named.add(comparedForm(option.trim().toLowerCase()))
  }
  return named
}

/** A text as a header value: UTF-8, percent-encoded but for visible ASCII and blanks; `%` stands for itself no more. */
function printable(text: string): string {
  if (isPrintable(text)) return text
  return Array.from(Buffer.from(text), (byte) => isPrintableByte(byte) ? String.fromCharCode(byte) : escapeByte(byte)).join('')
}

function isPrintable(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (!isPrintableByte(text.charCodeAt(at))) return false
  return true
}

function isPrintableByte(byte: number): boolean {
  return byte >= 0x20 && byte <= 0x7e && byte !== 0x25
}

function escapeByte(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
}
