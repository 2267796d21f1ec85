import type { Bytes } from '../core/units.ts'
import { decoderOf, type BodyDecoder, type Framing } from '../http1/body-decoder.ts'
import { frameOf } from '../http1/framing.ts'
import { parseHead, wholeHead, type HeadFault } from '../http1/head.ts'
import { couldBeRequestLine, parseRequestLine, type RequestLine, type RequestLineFault } from '../http1/request-line.ts'
import type { Inbox } from './inbox.ts'

/** The head of a request, as it came. */
export interface RequestHead extends RequestLine {
  /** name, value, name, value … */
  readonly rawHeaders: readonly string[]
  readonly framing: Framing
  readonly decoder: BodyDecoder
  readonly expectsContinue: boolean
  /** Does the sender want the connection to stay open (RFC 9112 §9.3)? */
  readonly persists: boolean
}

type Fault = HeadFault | RequestLineFault | 'header-size'

const [cr, lf] = [0x0d, 0x0a]

/** So far a head is looked at with every byte that comes; longer ones with every line. */
const small: Bytes = 256

/** Reads one head after the other out of a connection's inbox. */
export class HeadReader {
  readonly #inbox: Inbox
  /** A whole head, line ends included. */
  readonly #most: Bytes
  /** How much of a head that is not whole was looked at. */
  #seen: Bytes = 0

  constructor(inbox: Inbox, most: Bytes) {
    this.#inbox = inbox
    this.#most = most
  }

  /**
   * Takes a head out of the inbox; undefined while it is not whole. A fault as soon as it can be seen: nobody can say
   * then what follows.
   */
  read(): RequestHead | Fault | undefined {
    this.#skipEmptyLines()
    const { bytes } = this.#inbox
    const whole = wholeHead(bytes)
    if (whole === undefined || whole.length > this.#most) return this.#faultOfPart(bytes)
    const head = parseHead(whole.text)
    if (typeof head !== 'object') return head
    const line = parseRequestLine(head.start)
    if (typeof line === 'string') return line
    this.#take(whole.length)
    return this.#headOf(line, head.fields)
  }

  #headOf(line: RequestLine, rawHeaders: readonly string[]): RequestHead {
    const { framing, connection, expectsContinue } = frameOf(rawHeaders)
    const { method, target, version } = line
    return {
      method, target, version, rawHeaders, framing, decoder: decoderOf(framing === 'unclear' ? 'unsaid' : framing, this.#most),
      expectsContinue: expectsContinue && version === '1.1',
      persists: version === '1.1' ? connection !== 'close' && connection !== 'upgrade' : connection === 'keep-alive',
    }
  }

  /** Empty lines in front of a request line are to be ignored (RFC 9112 §2.2). */
  #skipEmptyLines(): void {
    const { bytes } = this.#inbox
    let start = 0
    while (bytes[start] === cr && bytes[start + 1] === lf) start += 2
    if (start > 0) this.#take(start)
  }

  #take(count: Bytes): void {
    this.#inbox.drop(count)
    this.#seen = 0
  }

  #faultOfPart(bytes: Buffer): Fault | undefined {
    const seen = this.#seen
    this.#seen = bytes.length
    if (bytes.length > small && bytes.length <= this.#most && !bytes.includes(lf, seen)) return undefined
    const text = bytes.toString('latin1', 0, this.#most)
    const head = parseHead(text)
    if (typeof head === 'string') return head
    const end = text.indexOf('\r\n')
    const line = end === -1 ? undefined : parseRequestLine(text.slice(0, end))
    if (typeof line === 'string') return line
    if (end === -1 && !couldBeRequestLine(text)) return 'request-line'
    return bytes.length > this.#most ? 'header-size' : undefined
  }
}
