import { isIP } from 'node:net'
import type { NamePart, SubjectName } from '../core/delivery.ts'
import type { Instant } from '../core/units.ts'

/**
 * Node hands out a certificate's names as text. Since CVE-2021-44532 that text is unambiguous: a value with anything
 * special in it stands as a JSON string, and a comma never stands in a value as itself. Read strictly, it cannot be
 * injected into; what does not read strictly is a name of type `other`, which matches nothing.
 */
const nameTypes: readonly (readonly [prefix: string, type: SubjectName['type']])[] = [
  ['DNS:', 'dns'], ['URI:', 'uri'], ['email:', 'email'], ['IP Address:', 'ip'],
]

/** `DNS:a.example, URI:"spiffe://a/b\u002cc"` → typed names. Null is what Node 20 gives for names that it cannot read: there are none to go by. */
export function parseSubjectNames(text: string | null | undefined): SubjectName[] {
  if (text === undefined || text === null || text === '') return []
  return text.split(', ').map(parseSubjectName)
}

function parseSubjectName(text: string): SubjectName {
  const other: SubjectName = { type: 'other', value: text }
  const known = nameTypes.find(([prefix]) => text.startsWith(prefix))
  if (known === undefined) return other
  const value = unquote(text.slice(known[0].length))
  // Names are ASCII (RFC 5280 4.2.1.6). NUL, control and high bytes are for confusing whoever compares (CVE-2026-47778).
  if (value === undefined || !/^[\x21-\x7e]+$/.test(value)) return other
  if (known[1] !== 'ip') return { type: known[1], value }
  const address = compactAddress(value)
  return address === undefined ? other : { type: 'ip', value: address }
}

function unquote(text: string): string | undefined {
  if (!text.startsWith('"')) return /[",]/.test(text) ? undefined : text
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

/** An IP address in the form of RFC 5952 (OpenSSL prints eight upper-case groups); undefined for what is none. */
export function compactAddress(text: string): string | undefined {
  const family = isIP(text)
  if (family === 0 || text.includes('%')) return undefined
  return family === 4 ? text : new URL(`http://[${text}]`).hostname.slice(1, -1)
}

/**
 * `CN=a\nO=b` with RFC 2253 escapes → parts in order. A line break or `+` between parts is never escaped, one inside a
 * value always is. Undefined where the text is not of this form.
 */
export function parseDistinguishedName(text: string | undefined): NamePart[] | undefined {
  if (text === undefined || text === '') return []
  const parts: NamePart[] = []
  for (const line of text.split(/\n| \+ /)) {
    const equals = line.indexOf('=')
    const value = unescape(line.slice(equals + 1))
    if (equals < 1 || value === undefined) return undefined
    parts.push({ type: line.slice(0, equals), value })
  }
  return parts
}

/** `\,` → `,` and `\0A` → the byte; undefined where a backslash stands for neither. */
function unescape(text: string): string | undefined {
  if (!text.includes('\\')) return text
  const rest = text.replaceAll(/\\([0-9A-F]{2}|[ "#+,;<=>\\])/g, '')
  if (rest.includes('\\')) return undefined
  return text.replaceAll(/\\([0-9A-F]{2}|[ "#+,;<=>\\])/g, (_, found: string) =>
    found.length === 2 ? String.fromCharCode(Number.parseInt(found, 16)) : found)
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `Nov 23 20:02:55 2026 GMT` → instant; NaN for anything else, which no comparison passes. */
export function parseCertificateTime(text: string): Instant {
  const found = /^([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d)(?:\.\d+)? (\d{1,4}) GMT$/.exec(text)
  const month = months.indexOf(found?.[1] ?? '')
  if (found === null || month === -1) return Number.NaN
  const [day, hours, minutes, seconds, year] = found.slice(2).map(Number) as [number, number, number, number, number]
  const time = new Date(0)
  time.setUTCFullYear(year, month, day)
  return time.setUTCHours(hours, minutes, seconds)
}
