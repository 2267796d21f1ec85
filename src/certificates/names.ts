import { domainToASCII } from 'node:url'
import type { SubjectName } from '../core/delivery.ts'
import { hostMatches, parseHostPattern } from '../core/host.ts'
import { compactAddress } from './text.ts'

/** Does a certificate's name fit? Of one type: a DNS name is never compared with a URI (CVE-2022-21656). */
export type NamePattern = (name: SubjectName) => boolean

/**
 * `dns:hooks.example` `dns:*.example.com` `uri:spiffe://partner/hooks/*` `email:ops@example.com` `ip:192.0.2.1` → a
 * pattern; undefined for what is none.
 */
export function parseNamePattern(text: string): NamePattern | undefined {
  const colon = text.indexOf(':')
  return patterns.get(text.slice(0, colon))?.(text.slice(colon + 1))
}

const patterns = new Map<string, (value: string) => NamePattern | undefined>([
  ['dns', dnsPattern], ['uri', uriPattern], ['email', emailPattern], ['ip', ipPattern],
])

/**
 * The star stands for one whole label. A certificate for `*.example.com` is for whoever wrote exactly that pattern: its
 * holder may speak for every name below, which is what the pattern admits.
 */
function dnsPattern(value: string): NamePattern | undefined {
  const wildcard = value.startsWith('*.') ? '*.' : ''
  const name = value.slice(wildcard.length)
  const ascii = /^[^\x00-\x20/:?#@[\]%\\*]+$/.test(name) ? domainToASCII(name) : ''
  const pattern = ascii === '' ? undefined : parseHostPattern(wildcard + ascii)
  if (pattern === undefined || (wildcard !== '' && !pattern.slice(2).includes('.'))) return undefined
  return ({ type, value: name }) => {
    if (type !== 'dns') return false
    const claimed = parseHostPattern(name)
    return claimed !== undefined && !name.endsWith('.') && (claimed === pattern || (!claimed.startsWith('*') && hostMatches(pattern, claimed)))
  }
}

/** Scheme and authority in either case, the rest byte for byte. A trailing `/*` takes one or more whole segments. */
function uriPattern(value: string): NamePattern | undefined {
  const prefix = value.endsWith('/*')
  const wanted = foldUri(prefix ? value.slice(0, -1) : value)
  if (wanted === undefined || (prefix && !isPlainPath(wanted.slice(wanted.indexOf('/', wanted.indexOf('://') + 3) + 1, -1)))) return undefined
  return ({ type, value: uri }) => {
    if (type !== 'uri') return false
    const found = foldUri(uri)
    if (found === undefined) return false
    return prefix ? found.startsWith(wanted) && isPlainPath(found.slice(wanted.length)) && found.length > wanted.length : found === wanted
  }
}

/** `Spiffe://Partner/Hooks` → `spiffe://partner/Hooks`; `urn:A` → `urn:A`; undefined for what has no scheme. */
function foldUri(text: string): string | undefined {
  const found = /^([A-Za-z][A-Za-z0-9+.-]*:)(\/\/[^/?#]*)?(.*)$/.exec(text)
  if (found === null || !/^[\x21-\x7e]+$/.test(text) || text.includes('*')) return undefined
  return `${found[1]?.toLowerCase()}${found[2]?.toLowerCase() ?? ''}${found[3]}`
}

/** Segments that mean what they say: no dot segments, no empty ones, nothing encoded, no query. Empty text is none at all. */
function isPlainPath(text: string): boolean {
  return text === '' || text.split('/').every((segment) => /^[A-Za-z0-9._~!$&'()+,;=:@-]+$/.test(segment) && !/^\.\.?$/.test(segment))
}

/** The part before the `@` counts its case, the host does not (RFC 5280 7.5). */
function emailPattern(value: string): NamePattern | undefined {
  const wanted = foldEmail(value)
  return wanted === undefined ? undefined : ({ type, value: email }) => type === 'email' && foldEmail(email) === wanted
}

function foldEmail(text: string): string | undefined {
  const at = text.lastIndexOf('@')
  if (at < 1 || !/^[\x21-\x7e]+$/.test(text)) return undefined
  const host = parseHostPattern(text.slice(at + 1))
  return host === undefined || host.startsWith('*') ? undefined : `${text.slice(0, at)}@${host}`
}

function ipPattern(value: string): NamePattern | undefined {
  const wanted = compactAddress(value)
  return wanted === undefined ? undefined : ({ type, value: address }) => type === 'ip' && address === wanted
}
