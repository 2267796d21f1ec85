import type { TLSSocket } from 'node:tls'
import { withCohort } from '../core/cohorts.ts'
import { lowerName } from '../core/field-name.ts'
import type { ReplyWriter } from '../core/reply.ts'
import type { Milliseconds } from '../core/units.ts'
import { isFieldLine } from '../http1/head.ts'
import { STATUS_CODES } from '../node-http.ts'

/** The request that is answered, as far as its answer depends on it. */
export interface Asked {
  readonly method: string
  readonly version: '1.0' | '1.1'
}

/** What is answered where there is no request that could be read. */
export const nobody: Asked = { method: 'POST', version: '1.1' }

export interface ReplyParts {
  readonly socket: TLSSocket
  readonly asked: Asked
  /** May another request follow on this connection? Asked once, when the head is written; the answer is kept. */
  readonly mayPersist: () => boolean
  /** For so long the connection then stays open with nothing to do. */
  readonly idleTimeout: Milliseconds
  /** `Date`, as RFC 9110 §5.6.7 writes it. */
  readonly date: () => string
  /** All of it was handed to the socket, or the socket is gone. Told once. */
  readonly over: () => void
}

/** The largest piece of body that leaves in one write with the head, as text of one byte a character. */
const smallBody = 4_096

/**
 * The answer to one request: a head once, then its body, framed by the receiver's own `Content-Length` or, where it states
 * none, in chunks. It keeps to what was announced: an answer that breaks off breaks the connection.
 */
export class Reply implements ReplyWriter {
  readonly #parts: ReplyParts
  #head = ''
  #phase: 'open' | 'head' | 'body' | 'over' = 'open'
  #framing: 'length' | 'chunks' | 'none' = 'length'
  #persists = false
  #closed: (() => void)[] = []
  #drained: (() => void) | undefined

  constructor(parts: ReplyParts) {
    this.#parts = parts
  }

  get headSent(): boolean {
    return this.#phase !== 'open'
  }

  get isGone(): boolean {
    return this.#phase === 'over' || this.#parts.socket.destroyed
  }

  /** Another request may follow. */
  get persists(): boolean {
    return this.#persists
  }

  whenOver(run: () => void): void {
    if (this.#phase === 'over') run()
    else this.#closed.push(run)
  }

  /** `100 Continue`, to a sender that waits for it. */
  writeContinue(): void {
    if (this.#phase === 'open' && !this.#parts.socket.destroyed) this.#parts.socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1')
  }

  /** Throws for a second head, and for a line that cannot be written. */
  writeHead(status: number, headers: readonly string[]): void {
    if (this.isGone) return
    if (this.#phase !== 'open') throw new Error('an answer has one head')
    const { asked, idleTimeout, date } = this.#parts
    let lines = ''
    let [length, dated] = [false, false]
    for (let at = 0; at < headers.length; at += 2) {
      const [name, value] = [headers[at] as string, headers[at + 1] as string]
      if (!isFieldLine(name, value)) throw new Error(`this is no header line: ${JSON.stringify(name)}`)
      if (name.length === 14 && lowerName(name) === 'content-length') length = true
      if (name.length === 4 && lowerName(name) === 'date') dated = true
      lines += `${name}: ${value}\r\n`
    }
    if (!dated) lines += `Date: ${date()}\r\n`
    this.#framing = framingFor(status, asked, length)
    if (this.#framing === 'chunks') lines += 'Transfer-Encoding: chunked\r\n'
    this.#persists = this.#parts.mayPersist() && (length || this.#framing !== 'length')
    lines += this.#persists ? `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(idleTimeout / 1_000)}\r\n` : 'Connection: close\r\n'
    this.#head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines}\r\n`
    this.#phase = 'head'
  }

  write(chunk: Uint8Array): boolean {
    if (this.isGone || this.#framing === 'none' || chunk.length === 0) return true
    const { socket } = this.#parts
    socket.cork()
    this.#writeHeadOut()
    if (this.#framing === 'chunks') socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
    const goesOn = socket.write(chunk)
    if (this.#framing === 'chunks') socket.write('\r\n', 'latin1')
    socket.uncork()
    return goesOn
  }

  /** A short answer leaves with the other short ones of this turn of the event loop. */
  end(chunk?: Uint8Array): void {
    if (this.#isShort(chunk)) withCohort('to-senders', () => this.#leave(chunk))
    else this.#leave(chunk)
  }

  onDrain(run: () => void): void {
    this.#drained = run
  }

  drained(): void {
    const run = this.#drained
    this.#drained = undefined
    run?.()
  }

  abort(): void {
    this.#persists = false
    this.#parts.socket.destroy()
    this.#finish()
  }

  #leave(chunk: Uint8Array | undefined): void {
    if (this.#phase === 'over') return
    if (!this.#parts.socket.destroyed) this.#writeEnd(chunk)
    this.#finish()
  }

  /** Nothing of it has left yet, and it is little. */
  #isShort(chunk: Uint8Array | undefined): boolean {
    return this.#phase === 'head' && (chunk === undefined || chunk.length <= smallBody)
  }

  #writeEnd(chunk: Uint8Array | undefined): void {
    const { socket } = this.#parts
    const isOnePiece = chunk !== undefined && this.#framing === 'length' && this.#isShort(chunk)
    if (isOnePiece) return void socket.write(this.#takeHead() + latin1(chunk), 'latin1')
    if (chunk !== undefined) this.write(chunk)
    this.#writeHeadOut()
    if (this.#framing === 'chunks') socket.write('0\r\n\r\n', 'latin1')
  }

  #writeHeadOut(): void {
    if (this.#phase === 'head') this.#parts.socket.write(this.#takeHead(), 'latin1')
  }

  #takeHead(): string {
    this.#phase = 'body'
    return this.#head
  }

  #finish(): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    this.drained()
    for (const run of this.#closed) run()
    this.#closed = []
    this.#parts.over()
  }
}

/** RFC 9112 §6.3. What states no length ends with its chunks, or, for a sender of HTTP/1.0, with the connection. */
function framingFor(status: number, { method, version }: Asked, hasLength: boolean): 'length' | 'chunks' | 'none' {
  if (method === 'HEAD' || status === 204 || status === 304) return 'none'
  return hasLength || version === '1.0' ? 'length' : 'chunks'
}

function latin1(bytes: Uint8Array): string {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return buffer.toString('latin1')
}
