import { createServer, type Server, type ServerOptions } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createSocketServer, type AddressInfo, type Server as SocketServer, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Address, PeerCertificate } from '../core/delivery.ts'
import type { Bytes, Milliseconds } from '../core/units.ts'
import { SenderConnection, type Turn } from './connection.ts'
import { problemBody, problemHeaders, type ProblemDetails } from './respond.ts'

/** What a listener needs; the functions read the state that holds at the time of the call, so a reload needs no rewiring. */
export interface ListenerParts {
  readonly host: string
  readonly port: number
  readonly tls: ServerOptions
  readonly headers: Bytes
  readonly addressOf: (remote: string | undefined) => Address | undefined
  readonly certificateOf: (socket: TLSSocket) => PeerCertificate | undefined
  /** Could any route admit this address? Asked before the handshake. */
  readonly admits: (from: Address) => boolean
  readonly serve: (turn: Turn, connection: SenderConnection) => Promise<void>
  /** Records a connection that ended before there was a request that could be judged; gives what to tell the sender. */
  readonly dropped: (drop: Drop) => ProblemDetails
}

export interface Drop {
  readonly from: Address | undefined
  readonly reason: 'source-not-allowed' | 'handshake-failed' | 'malformed-request' | 'proxy-header-invalid'
  readonly facts: Readonly<Record<string, string | undefined>>
  /** The failed connection, where there is one to take names and certificates from. */
  readonly socket: TLSSocket | undefined
}

const handshakeTimeout: Milliseconds = 10_000
const headersTimeout: Milliseconds = 10_000
const keepAliveTimeout: Milliseconds = 65_000

/**
 * The outer gate: accepts, drops addresses that no route could admit before their handshake, speaks TLS, and hands
 * over one request at a time. `stop` closes the door and lets what is inside finish.
 */
export class Listener {
  readonly #parts: ListenerParts
  readonly #door: SocketServer
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #connections = new Map<TLSSocket, SenderConnection>()

  constructor(parts: ListenerParts) {
    this.#parts = parts
    this.#server = createServer({
      ...parts.tls,
      handshakeTimeout, headersTimeout, keepAliveTimeout, requestTimeout: 0, connectionsCheckingInterval: 1_000,
      maxHeaderSize: parts.headers, insecureHTTPParser: false, requireHostHeader: false, joinDuplicateHeaders: false,
    })
    // Zero: no line is dropped unseen. The stock parser keeps the first 2,000 and forgets the rest (lessons.md).
    this.#server.maxHeadersCount = 0
    this.#door = createSocketServer({ noDelay: true }, (socket) => this.#accept(socket))
    this.#wire()
  }

  /** Resolves once it listens; rejects where the address cannot be had. */
  listen(): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#door.once('error', reject)
      this.#door.listen({ host: this.#parts.host, port: this.#parts.port }, () => {
        this.#door.off('error', reject)
        resolve(this.#door.address() as AddressInfo)
      })
    })
  }

  /** New certificates for the handshakes from now on. Throws where OpenSSL does not take them; the old ones stay then. */
  renew(tls: ServerOptions): void {
    this.#server.setSecureContext(tls)
  }

  /** No new connections; idle ones are closed. Resolves when the last one is gone. */
  stop(): Promise<void> {
    const gone = new Promise<void>((resolve) => { this.#door.close(() => resolve()) })
    for (const connection of this.#connections.values()) if (connection.idle) connection.socket.end()
    return gone
  }

  /** Breaks what is still open. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #accept(socket: Socket): void {
    const from = this.#parts.addressOf(socket.remoteAddress)
    if (from === undefined) return void socket.destroy()
    if (!this.#parts.admits(from)) {
      this.#parts.dropped({ from, reason: 'source-not-allowed', facts: {}, socket: undefined })
      return void socket.destroy()
    }
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    this.#server.emit('connection', socket)
  }

  #wire(): void {
    const server = this.#server
    server.on('secureConnection', (socket) => this.#open(socket))
    server.on('request', (request, response) => this.#take(request, response, 'nothing'))
    server.on('checkContinue', (request, response) => this.#take(request, response, 'continue'))
    server.on('checkExpectation', (request, response) => this.#take(request, response, 'nothing'))
    server.on('connect', (_request, socket) => this.#dropRequest(socket as TLSSocket, 'CONNECT'))
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#broken(error, socket as TLSSocket))
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => this.#refusedHandshake(error, socket))
  }

  #open(socket: TLSSocket): void {
    const from = this.#parts.addressOf(socket.remoteAddress)
    if (from === undefined) return void socket.destroy()
    this.#connections.set(socket, new SenderConnection(socket, from, this.#parts.certificateOf, this.#parts.serve))
    socket.once('close', () => this.#connections.delete(socket))
  }

  #take(request: IncomingMessage, response: ServerResponse, expect: Turn['expect']): void {
    const connection = this.#connections.get(request.socket as TLSSocket)
    if (connection === undefined) return void request.socket.destroy()
    connection.take({ request, response, expect })
  }

  /** The parser gave up. Where a request is being served its own way ends it; else we answer here. */
  #broken(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    const connection = this.#connections.get(socket)
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
    if (connection !== undefined && !connection.idle) return
    this.#dropRequest(socket, error.code ?? error.message)
  }

  /** Answers by hand: there is no response object for a request that the parser did not take. */
  #dropRequest(socket: TLSSocket, what: string): void {
    const from = this.#connections.get(socket)?.from
    const problem = this.#parts.dropped({ from, reason: 'malformed-request', facts: { what }, socket })
    const body = problemBody(problem)
    const headers = [...problemHeaders(problem, body), 'Connection', 'close']
    const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1]}`] : []))
    socket.end(`HTTP/1.1 ${problem.status} ${problem.title}\r\n${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroySoon())
  }

  #refusedHandshake(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    const from = this.#parts.addressOf(socket.remoteAddress)
    this.#parts.dropped({ from, reason: 'handshake-failed', facts: { what: error.code ?? error.message }, socket })
    socket.destroy()
  }
}
