import { fieldName } from '../core/field-name.ts'
import type { Bytes } from '../core/units.ts'

/**
 * Reads the head of an HTTP/1.1 message, strictly: whatever is not the grammar of RFC 9112 §2 to §5, to the letter, is a
 * fault. No line ends in a bare LF, no line is folded, no blank stands before a colon, no control byte anywhere; so there
 * is one reading of it, and nobody behind us can have another.
 */

/** A head that came whole. A value holds one character a byte (latin1), without the blanks around it. */
export interface MessageHead {
  /** The request line or status line, without its end. */
  readonly start: string
  /** name, value, name, value … as written, in order. */
  readonly fields: readonly string[]
}

export type HeadFault = 'line-ending' | 'field-name' | 'field-value'

/** The head ends behind this. */
const headEnd = '\r\n\r\n'
const headEndBytes = Buffer.from(headEnd)

/** Most heads are no longer. To look for a text in a text costs less than to look for bytes in bytes. */
const usual: Bytes = 2_048

/** What a message begins with, up to and with the end of its head, and perhaps some of what follows; undefined while that end is not there. */
export function wholeHead(bytes: Buffer): { readonly text: string; readonly length: Bytes } | undefined {
  const text = bytes.toString('latin1', 0, Math.min(bytes.length, usual))
  const end = text.indexOf(headEnd)
  if (end !== -1) return { text, length: end + headEnd.length }
  const later = bytes.length > usual ? bytes.indexOf(headEndBytes, usual - headEnd.length) : -1
  return later === -1 ? undefined : { text: bytes.toString('latin1', 0, later + headEnd.length), length: later + headEnd.length }
}

const [tab, lf, cr, blank, colon] = [0x09, 0x0a, 0x0d, 0x20, 0x3a]

/**
 * `text`: the message from its first byte, latin1. Undefined while nothing is wrong and the end is not there yet; a fault
 * is told as soon as it can be seen.
 */
export function parseHead(text: string): MessageHead | HeadFault | undefined {
  const end = text.indexOf('\n')
  if (end === -1) return undefined
  if (text.charCodeAt(end - 1) !== cr) return 'line-ending'
  const fields: string[] = []
  const rest = parseFields(text, end + 1, fields)
  return typeof rest === 'number' ? { start: text.slice(0, end - 1), fields } : rest
}

/**
 * Field lines from `at` on, with the empty line behind them (RFC 9112 §5), added to `into`. Gives where they end;
 * undefined where they do not yet.
 */
export function parseFields(text: string, at: number, into: string[]): number | HeadFault | undefined {
  for (let next = at; ;) {
    const first = text.charCodeAt(next)
    if (first === cr) return endOfLine(text, next, 'line-ending')
    const nameEnd = spanOf(text, next, nameBytes)
    if (nameEnd === text.length) return undefined
    if (nameEnd === next || text.charCodeAt(nameEnd) !== colon) return first === lf ? 'line-ending' : 'field-name'
    const valueEnd = spanOf(text, nameEnd + 1, valueBytes)
    if (valueEnd === text.length) return undefined
    if (text.charCodeAt(valueEnd) !== cr) return text.charCodeAt(valueEnd) === lf ? 'line-ending' : 'field-value'
    const after = endOfLine(text, valueEnd, 'field-value')
    if (typeof after !== 'number') return after
    into.push(fieldName(text, next, nameEnd), trimmed(text, nameEnd + 1, valueEnd))
    next = after
  }
}

/** Behind the LF that must follow the CR at `at`. */
function endOfLine(text: string, at: number, fault: HeadFault): number | HeadFault | undefined {
  if (at + 1 >= text.length) return undefined
  return text.charCodeAt(at + 1) === lf ? at + 2 : fault
}

/** Where the first byte stands that is none of these; the text's end where there is none. */
function spanOf(text: string, from: number, bytes: Uint8Array): number {
  let at = from
  while (at < text.length && bytes[text.charCodeAt(at)] === 1) at++
  return at
}

function trimmed(text: string, from: number, to: number): string {
  let [start, end] = [from, to]
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === blank || code === tab
}

/** RFC 9110 §5.6.2 `token`. */
const nameBytes = bytesWhere((code) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code)))

/** RFC 9110 §5.5 `field-content`, with the blanks around it. */
const valueBytes = bytesWhere((code) => code === tab || (code >= blank && code !== 0x7f))

function bytesWhere(holds: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (holds(code) ? 1 : 0))
}

/** May this stand in a header line that we write ourselves? The other half of `parseFields`. */
export function isFieldLine(name: string, value: string): boolean {
  return name !== '' && spanOf(name, 0, nameBytes) === name.length && isValue(value)
}

/** A certificate comes with every delivery of its connection, and is the longest line of all. */
const long: Bytes = 256
let lastLong = ''

function isValue(value: string): boolean {
  if (value.length > long && value === lastLong) return true
  if (noValue.test(value)) return false
  if (value.length > long) lastLong = value
  return true
}

/** Whatever `valueBytes` does not have. */
const noValue = /[^\t\x20-\x7e\x80-\xff]/
