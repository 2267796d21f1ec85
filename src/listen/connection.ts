import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Address, PeerCertificate } from '../core/delivery.ts'

/** A request whose turn has come, or will. */
export interface Turn {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly expect: 'continue' | 'nothing'
}

/** The most requests that a sender may write ahead of our answers. */
const mostAhead = 16

/**
 * One sender's connection: who is there, and one request at a time. Node would start pipelined requests side by side;
 * here the second waits until the first is answered, and is dropped where that answer closes the connection.
 */
export class SenderConnection {
  readonly socket: TLSSocket
  readonly from: Address
  readonly #serve: (turn: Turn, connection: SenderConnection) => Promise<void>
  readonly #certificateOf: () => PeerCertificate | undefined
  readonly #waiting: Turn[] = []
  #certificate: PeerCertificate | undefined | 'unread' = 'unread'
  #busy = false

  constructor(
    socket: TLSSocket, from: Address, certificateOf: () => PeerCertificate | undefined,
    serve: (turn: Turn, connection: SenderConnection) => Promise<void>,
  ) {
    this.socket = socket
    this.from = from
    this.#certificateOf = certificateOf
    this.#serve = serve
  }

  /** Parsed when first asked for, once per connection. */
  get certificate(): PeerCertificate | undefined {
    if (this.#certificate === 'unread') this.#certificate = this.#certificateOf()
    return this.#certificate
  }

  get idle(): boolean {
    return !this.#busy
  }

  take(turn: Turn): void {
    if (!this.#busy) return this.#start(turn)
    this.#waiting.push(turn)
    if (this.#waiting.length > mostAhead) this.socket.destroy()
  }

  #start(turn: Turn): void {
    this.#busy = true
    const { response } = turn
    response.once('close', () => this.#next(response))
    void this.#serve(turn, this)
  }

  #next(answered: ServerResponse): void {
    this.#busy = false
    if (!answered.shouldKeepAlive || this.socket.destroyed) this.#waiting.length = 0
    const turn = this.#waiting.shift()
    if (turn !== undefined) this.#start(turn)
  }
}
