import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Address, PeerCertificate } from '../core/delivery.ts'
import type { Headers } from '../core/headers.ts'
import type { Clock } from '../core/ports.ts'
import type { Instant, Milliseconds } from '../core/units.ts'
import type { LineFault } from './request-line.ts'

/** A request whose turn has come, or will. */
export interface Turn {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly expect: 'continue' | 'nothing'
  readonly lineFault: LineFault | undefined
  /** What came behind the head of a request that asks for another protocol: from there on nobody reads HTTP. Undefined for all others. */
  readonly first: Uint8Array | undefined
}

/** Ends a connection on which another protocol is spoken. */
export type CutOff = (why: 'age' | 'certificate' | 'drain') => void

export interface SenderParts {
  readonly socket: TLSSocket
  readonly from: Address
  readonly certificateOf: () => PeerCertificate | undefined
  readonly sourceOf: (headers: Headers) => Address | undefined
  readonly serve: (turn: Turn, connection: SenderConnection) => Promise<void>
  readonly clock: Pick<Clock, 'monotonic'>
}

/** The most requests that a sender may write ahead of our answers. */
const mostAhead = 16

/**
 * One sender's connection: who is there, and one request at a time. Node would start pipelined requests side by side;
 * here the second waits until the first is answered, and is dropped where that answer closes the connection.
 */
export class SenderConnection {
  readonly socket: TLSSocket
  /** Who is connected: the peer, or whom its PROXY header names. */
  readonly from: Address
  /** Who sent a request with these headers; undefined where a trusted peer wrote what names no address. */
  readonly sourceOf: (headers: Headers) => Address | undefined
  readonly #serve: (turn: Turn, connection: SenderConnection) => Promise<void>
  readonly #certificateOf: () => PeerCertificate | undefined
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #waiting: Turn[] = []
  #current: Turn | undefined
  /** When the current request was answered; monotonic. The sender may take its time to read that, but not for ever. */
  #answered: Milliseconds | undefined
  /** The last answer closes the connection: whatever else the sender wrote is neither served nor answered nor recorded. */
  #over = false
  /** What is left to do with a sender whose bytes are no HTTP any more, once its whole requests are answered. */
  #afterwards: (() => void) | undefined
  #certificate: PeerCertificate | undefined | 'unread' = 'unread'
  #retired = false
  #cutOff: CutOff | undefined
  #wasTrusted = false

  constructor({ socket, from, certificateOf, sourceOf, serve, clock }: SenderParts) {
    this.socket = socket
    this.from = from
    this.sourceOf = sourceOf
    this.#certificateOf = certificateOf
    this.#serve = serve
    this.#clock = clock
  }

  /** The name that the sender called in the handshake (SNI), as it wrote it. */
  get called(): string | undefined {
    // Empty and false where none was called; Node types it otherwise.
    return (this.socket.servername as string | false | null | undefined) || undefined
  }

  /** Parsed when first asked for, once per connection. */
  get certificate(): PeerCertificate | undefined {
    if (this.#certificate === 'unread') this.#certificate = this.#certificateOf()
    return this.#certificate
  }

  /** Closes after the answer that is under way or comes next; an idle one stays until then. */
  retire(): void {
    this.#retired = true
    this.#cutOff?.('age')
    if (this.#current !== undefined) this.#current.response.shouldKeepAlive = false
  }

  /** Closes now, or after the answer that is under way. */
  dismiss(): void {
    this.#cutOff?.('certificate')
    this.retire()
    if (this.idle) this.socket.destroySoon()
  }

  /** From now on another protocol is spoken here: what would close the connection with its next answer ends it at once. */
  handOver(cutOff: CutOff): void {
    this.#cutOff = cutOff
    this.#wasTrusted = this.certificate?.trust === 'trusted'
    if (this.#retired) cutOff('age')
  }

  /** Ends it where another protocol is spoken. */
  cut(why: Parameters<CutOff>[0]): void {
    this.#cutOff?.(why)
  }

  /** Of a connection on which no delivery will ask again: its certificate was trusted, and is not any more. */
  hasLostTrust(at: Instant): boolean {
    if (this.#cutOff === undefined || !this.#wasTrusted) return false
    return this.certificate?.trust !== 'trusted' || this.certificate.notAfter < at
  }

  /** Node's parser has let go of the connection: what it did for the answer that is under way is ours to do. */
  leftByParser(): void {
    this.socket.on('error', () => this.socket.destroy()).on('drain', () => this.#current?.response.emit('drain'))
  }

  get idle(): boolean {
    return this.#current === undefined
  }

  /** For how long the sender has been answered and has not read it: nothing else would ever end such a connection. */
  get unread(): Milliseconds {
    return this.#answered === undefined ? 0 : this.#clock.monotonic() - this.#answered
  }

  take(turn: Turn): void {
    // Whoever reads the body listens for what breaks it; where nobody reads it that is no news.
    turn.request.on('error', () => {})
    if (this.#over) return
    if (this.#current === undefined) return this.#start(turn)
    this.#waiting.push(turn)
    if (this.#waiting.length > mostAhead) this.socket.destroy()
  }

  /**
   * The parser gave up on what the sender writes. Requests that came whole before are answered in their order; one
   * whose body is cut by it learns that its body ends here.
   */
  breakOff(error: Error, afterwards: () => void): void {
    if (this.#over) return this.socket.destroySoon()
    if (this.#current === undefined) return afterwards()
    if (this.#afterwards !== undefined) return
    this.#afterwards = afterwards
    const { request, response } = this.#current
    if (request.complete) return this.#forgetCut()
    response.once('close', () => { this.#afterwards = undefined })
    request.emit('error', error)
  }

  /** A waiting request that was not whole is not served; what the parser says of it is said afterwards. */
  #forgetCut(): void {
    const cut = this.#waiting.findIndex(({ request }) => !request.complete)
    if (cut !== -1) this.#waiting.length = cut
  }

  #start(turn: Turn): void {
    this.#current = turn
    const { response } = turn
    if (this.#retired) response.shouldKeepAlive = false
    response.once('close', () => this.#next(response))
    void this.#serve(turn, this).then(() => { if (this.#current === turn) this.#answered = this.#clock.monotonic() })
  }

  #next(answered: ServerResponse): void {
    this.#current = undefined
    this.#answered = undefined
    this.#over = !answered.shouldKeepAlive || this.socket.destroyed
    if (this.#over) return void (this.#waiting.length = 0)
    const turn = this.#waiting.shift()
    if (turn !== undefined) return this.#start(turn)
    this.#afterwards?.()
  }
}
