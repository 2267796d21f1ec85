import { lowerName } from '../core/field-name.ts'
import { decoderOf, type BodyDecoder, type Framing } from '../http1/body-decoder.ts'
import { frameOf } from '../http1/framing.ts'
import { parseHead, wholeHead } from '../http1/head.ts'
import { parseStatusLine } from '../http1/status-line.ts'
import type { Bytes } from '../core/units.ts'

/** The head of a final response. */
export interface ResponseHead {
  readonly status: number
  /** name, value, name, value … as written. */
  readonly fields: readonly string[]
  readonly decoder: BodyDecoder
  /** The body ends with the connection. */
  readonly endsWithConnection: boolean
  /** May the connection be used again once the body is over? */
  readonly persists: boolean
  /** For how long the receiver says that it keeps an idle connection, in seconds; undefined where it does not say. */
  readonly keepAlive: number | undefined
}

/** Why what came is no response: for the audit record. */
export type ResponseFault = 'head-overflow' | 'not-http' | 'unasked-upgrade' | 'too-many-interim' | 'framing'

const mostHead: Bytes = 64 * 1024
const mostTrailers: Bytes = 16 * 1024
/** `100 Continue`, early hints and the like are skipped; a receiver that sends nothing else is not answering. */
const mostInterim = 16

/** Reads one response's head out of what a receiver sends, strictly, and skips the interim ones before it. */
export class ResponseReader {
  readonly #method: string
  #interim = 0

  constructor(method: string) {
    this.#method = method
  }

  /** The head and where it ends; undefined while it is not whole. `rest` of interim responses is read over. */
  read(bytes: Buffer): { readonly head: ResponseHead; readonly length: Bytes } | ResponseFault | { readonly skip: Bytes } | undefined {
    const whole = wholeHead(bytes)
    if (whole === undefined || whole.length > mostHead) return bytes.length > mostHead ? 'head-overflow' : faultOfPart(bytes)
    const { text, length } = whole
    const message = parseHead(text)
    const line = typeof message === 'object' ? parseStatusLine(message.start) : undefined
    if (typeof message !== 'object' || line === undefined) return 'not-http'
    if (line.status === 101) return 'unasked-upgrade'
    if (line.status < 200) return ++this.#interim > mostInterim ? 'too-many-interim' : { skip: length }
    const head = this.#headOf(line, message.fields)
    return head === undefined ? 'framing' : { head, length }
  }

  /** Undefined where it is framed in two ways, or in none that is known (RFC 9112 §6.3). */
  #headOf({ status, version }: { readonly status: number; readonly version: '1.0' | '1.1' }, fields: readonly string[]): ResponseHead | undefined {
    const { framing, connection } = frameOf(fields)
    if (framing === 'unclear' || (framing === 'chunked' && version === '1.0')) return undefined
    const isBodiless = this.#method === 'HEAD' || status === 204 || status === 304
    const endsWithConnection = !isBodiless && framing === 'unsaid'
    const keeps = version === '1.1' ? connection !== 'close' : connection === 'keep-alive'
    return {
      status, fields, endsWithConnection,
      decoder: decoderOf(isBodiless ? 'unsaid' : framing, mostTrailers),
      // A body that must not be there is sometimes sent all the same.
      persists: keeps && !endsWithConnection && !(isBodiless && this.#method !== 'HEAD' && announcesBody(framing)),
      keepAlive: keepAliveOf(fields),
    }
  }
}

function announcesBody(framing: Framing): boolean {
  return framing === 'chunked' || (typeof framing === 'number' && framing > 0)
}

/** What is wrong can often be seen before the head is whole. */
function faultOfPart(bytes: Buffer): ResponseFault | undefined {
  const text = bytes.toString('latin1', 0, 4_096)
  const beginning = 'HTTP/1.'
  if (!text.startsWith(beginning.slice(0, text.length))) return 'not-http'
  return typeof parseHead(text) === 'string' ? 'not-http' : undefined
}

/** `Keep-Alive: timeout=5`: no standard, but what servers say. */
function keepAliveOf(fields: readonly string[]): number | undefined {
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string
    if (name.length === 10 && lowerName(name) === 'keep-alive') return secondsOf(fields[at + 1] as string)
  }
  return undefined
}

/** Receivers say the same each time. */
let last: { readonly text: string; readonly seconds: number | undefined } = { text: '', seconds: undefined }

function secondsOf(text: string): number | undefined {
  if (text === last.text) return last.seconds
  const digits = /(?:^|[ ,])timeout=(\d{1,6})(?:$|[ ,])/.exec(text)?.[1]
  last = { text, seconds: digits === undefined ? undefined : Number(digits) }
  return last.seconds
}
