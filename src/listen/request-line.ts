import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Is the request line the one that Node's parser says it read? The parser serves `POST / RTSP/1.0` as HTTP/1.0 and is
 * lenient about blanks; nothing it tells gives that away, so the bytes themselves are looked at. A listener on the
 * socket's `data`, in front of the parser's, remembers where a message began; the line must be, byte for byte, method,
 * target and version as parsed.
 *
 * Only a message that begins where a chunk begins can be judged. A sender that pipelines gets its first answer and a
 * refusal behind it.
 */

/** What is wrong with a request's line, for the audit record. `pipelined`: nobody can say where it begins. */
export type LineFault = 'request-line' | 'pipelined'

const watched = new WeakMap<Socket, Lines>()

/**
 * To be called once for every connection, behind the HTTP server's own listener: in `secureConnection` (or
 * `connection`), before any byte came. Costs about a tenth of what a bare HTTPS request costs.
 */
export function watchRequestLines(socket: Socket): void {
  const lines = new Lines()
  watched.set(socket, lines)
  socket.prependListener('data', lines.take)
}

/** To be called when the connection is no longer ours to read as HTTP (`Upgrade`). */
export function unwatchRequestLines(socket: Socket): void {
  const lines = watched.get(socket)
  if (lines !== undefined) socket.off('data', lines.take)
  watched.delete(socket)
}

/**
 * To be called for every request, once, first of all and in the same turn as its event (`request`, `checkContinue`,
 * `checkExpectation`, `upgrade`). After a fault the connection has to be closed behind the answer: every later request of
 * it has the fault, too. A connection that nobody watches has it from the start.
 */
export function requestLineFault(request: IncomingMessage): LineFault | undefined {
  const lines = watched.get(request.socket)
  return lines === undefined ? 'request-line' : lines.judge(request)
}

class Lines {
  #fault: LineFault | undefined
  /** What came since the message under way began; empty once its line was judged. */
  #head: Buffer[] = []
  #current: Message | undefined

  readonly take = (chunk: Buffer): void => {
    if (this.#current !== undefined) {
      if (!this.#current.isOver) return this.#current.take(chunk)
      if (!this.#current.endedWithChunk) this.#fault ??= 'pipelined'
      this.#current = undefined
    }
    if (this.#fault === undefined) this.#head.push(chunk)
  }

  judge(request: IncomingMessage): LineFault | undefined {
    const head = this.#head.length === 1 ? this.#head[0] as Buffer : Buffer.concat(this.#head)
    this.#head = []
    if (this.#fault !== undefined) return this.#fault
    const start = behindEmptyLines(head)
    const line = `${request.method} ${request.url} HTTP/${request.httpVersion}\r\n`
    if (head.length === 0) this.#fault = 'pipelined'
    else if (head.toString('latin1', start, start + line.length) !== line) this.#fault = 'request-line'
    else this.#current = new Message(request, head, start)
    return this.#fault
  }
}

/** Empty lines in front of a request are to be ignored (RFC 9112 §2.2). */
function behindEmptyLines(head: Buffer): number {
  let start = 0
  while (head[start] === 0x0d && head[start + 1] === 0x0a) start += 2
  return start
}

/** A request on the wire: did it end where a chunk ended, so that the next chunk begins a message? */
class Message {
  readonly #request: IncomingMessage
  /** Bytes from its beginning to its end; undefined where it comes in chunks of its own. */
  readonly #length: number | undefined
  #received: number
  /** The last four bytes that came, of a message in chunks. */
  #tail = ''

  constructor(request: IncomingMessage, head: Buffer, start: number) {
    const body = bodyLength(request.rawHeaders)
    this.#request = request
    this.#received = head.length
    this.#length = body === undefined ? undefined : head.indexOf('\r\n\r\n', start) + 4 + body
    if (body === undefined) this.#tail = head.toString('latin1', Math.max(0, head.length - 4))
  }

  get isOver(): boolean {
    return this.#request.complete
  }

  take(chunk: Buffer): void {
    this.#received += chunk.length
    if (this.#length === undefined) this.#tail = (this.#tail + chunk.toString('latin1', Math.max(0, chunk.length - 4))).slice(-4)
  }

  /** A chunked body ends in an empty line, and no part of a following request's head does. */
  get endedWithChunk(): boolean {
    return this.#length === undefined ? this.#tail === '\r\n\r\n' : this.#received === this.#length
  }
}

/** By `Content-Length`; the guard sees to it that there is one framing and not two. Undefined for chunked bodies. */
function bodyLength(raw: readonly string[]): number | undefined {
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as string
    if (name.length === 14 && name.toLowerCase() === 'content-length') return Number(raw[at + 1])
    if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') return undefined
  }
  return 0
}
