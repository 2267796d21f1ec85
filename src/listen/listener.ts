import { createServer, type Server } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createSocketServer, type AddressInfo, type Server as SocketServer, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Shown } from '../certificates/certificate.ts'
import type { Address, PeerCertificate } from '../core/delivery.ts'
import type { Headers } from '../core/headers.ts'
import type { Limits } from '../core/plan.ts'
import type { Cancel, Clock } from '../core/ports.ts'
import type { Milliseconds } from '../core/units.ts'
import { certificateReasons } from '../core/trust.ts'
import type { ReasonRow } from '../core/verdict.ts'
import { SenderConnection, type Turn } from './connection.ts'
import type { Connections } from './connections.ts'
import type { Drop } from './drop.ts'
import { Entrance, type Entered } from './entrance.ts'
import { handshakeRefusal } from './handshake.ts'
import { peerCertificate } from './peer-certificate.ts'
import { respondByHand, respondProblem, type ProblemDetails } from './respond.ts'
import { requestLineFault, unwatchRequestLines, watchRequestLines } from './request-line.ts'
import type { SourceRules } from './source.ts'
import { dismissUntrusted, lackOfName, lackOfTrust, type Lack } from './standing.ts'
import type { TlsMaterial } from './tls.ts'
import { responseOf } from './upgrade.ts'

/** What a listener needs; the functions read the state that holds at the time of the call, so a reload needs no rewiring. */
export interface ListenerParts {
  readonly host: string
  readonly port: number
  /** A listening socket that was handed over; undefined: one is opened. */
  readonly socket: number | undefined
  readonly rules: ListenerRules
  readonly clock: Clock
  readonly connections: Connections
  readonly addressOf: (remote: string | undefined) => Address | undefined
  /** Could any route admit this address? Asked before the handshake. */
  readonly admits: (from: Address) => boolean
  readonly serve: (turn: Turn, connection: SenderConnection) => Promise<void>
  /** Records a connection that ended before there was a request that could be judged; gives what to tell the sender. */
  readonly dropped: (drop: Drop) => ProblemDetails
}

/** What a reload may change. */
export interface ListenerRules {
  readonly tls: TlsMaterial
  readonly source: SourceRules
  readonly limits: Limits
}

/** How often deadlines of headers are looked at, at the latest. */
const longestInterval: Milliseconds = 1_000
const sweepInterval: Milliseconds = 5_000
/** A sender that is just writing to an open connection is answered, not cut off. */
const idleGrace: Milliseconds = 1_000

/**
 * The outer gate: accepts, drops addresses that no route could admit before their handshake, speaks TLS, and hands
 * over one request at a time. `stop` closes the door and lets what is inside finish.
 */
export class Listener {
  readonly #parts: ListenerParts
  readonly #door: SocketServer
  readonly #entrance: Entrance
  #rules: ListenerRules
  #server: Server
  #cancelSweep: Cancel = () => {}
  readonly #sockets = new Set<Socket>()
  readonly #connections = new Map<TLSSocket, { readonly server: Server; readonly sender: SenderConnection }>()

  constructor(parts: ListenerParts) {
    this.#parts = parts
    this.#entrance = new Entrance(parts)
    this.#rules = parts.rules
    this.#server = this.#makeServer(parts.rules)
    this.#door = createSocketServer({ noDelay: true }, (socket) => this.#accept(socket))
  }

  /** Resolves once it listens; rejects where the address cannot be had. */
  listen(): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#door.once('error', reject)
      const { host, port, socket } = this.#parts
      this.#door.listen(socket === undefined ? { host, port } : { fd: socket }, () => {
        this.#door.off('error', reject)
        this.#sweep()
        resolve(this.#door.address() as AddressInfo)
      })
    })
  }

  /**
   * Certificates and rules for the handshakes from now on: a server of its own takes the new connections, the old one
   * keeps those that are open. Throws where OpenSSL does not take them; the old server stays then.
   */
  renew(rules: ListenerRules): void {
    const before = this.#server
    this.#server = this.#makeServer(rules)
    this.#rules = rules
    this.#retire(before)
    void dismissUntrusted([...this.#connections.values()].map(({ sender }) => sender))
  }

  /**
   * No new connections. Those that are open get an answer to what they still send, and are closed with it; idle ones
   * are closed after a moment. Resolves when the last one is gone.
   */
  stop(): Promise<void> {
    const gone = new Promise<void>((resolve) => { this.#door.close(() => resolve()) })
    void gone.then(() => this.#cancelSweep())
    this.#parts.clock.after(idleGrace, () => {
      for (const { sender } of this.#connections.values()) if (sender.idle) sender.socket.destroySoon()
    })
    return gone
  }

  /** Breaks what is still open. */
  destroy(): void {
    for (const { sender } of this.#connections.values()) sender.cut('drain')
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Ends connections whose sender does not read what it was answered. */
  #sweep(): void {
    for (const { sender } of this.#connections.values()) {
      if (sender.unread > this.#rules.limits.idleTimeout) sender.socket.destroy()
      if (sender.hasLostTrust(this.#parts.clock.now())) sender.dismiss()
    }
    this.#cancelSweep = this.#parts.clock.after(sweepInterval, () => this.#sweep())
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    const { source, limits } = this.#rules
    this.#entrance.enter(socket, source, limits.handshakeTimeout, () => void this.#server.emit('connection', socket))
  }

  #makeServer(rules: ListenerRules): Server {
    const { tls, limits } = rules
    const { handshakeTimeout, headersTimeout, idleTimeout: keepAliveTimeout } = limits
    const connectionsCheckingInterval = Math.min(longestInterval, headersTimeout)
    const server = createServer({
      ...tls.options,
      handshakeTimeout, headersTimeout, keepAliveTimeout, requestTimeout: 0, connectionsCheckingInterval,
      maxHeaderSize: limits.headers, insecureHTTPParser: false, requireHostHeader: false, joinDuplicateHeaders: false,
    })
    // Zero: no line is dropped unseen. The stock parser keeps the first 2,000 and forgets the rest (lessons.md).
    server.maxHeadersCount = 0
    server.on('secureConnection', (socket) => this.#open(socket, server, rules))
    server.on('request', (request, response) => this.#take(request, response, 'nothing'))
    server.on('checkContinue', (request, response) => this.#take(request, response, 'continue'))
    server.on('checkExpectation', (request, response) => this.#take(request, response, 'nothing'))
    server.on('upgrade', (request, _stream, first) => this.#handOver(request, first))
    server.on('connect', (_request, socket) => this.#dropRequest(socket as TLSSocket, 'malformed-request', 'CONNECT'))
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#broken(error, socket as TLSSocket))
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => this.#refusedHandshake(error, socket, tls))
    // Node watches the deadlines of headers from this event on, and a server that gets its sockets handed in never emits it.
    server.emit('listening')
    return server
  }

  /** A server that got no connections of its own any more lets go of its timers. */
  #retire(server: Server): void {
    for (const { server: own } of this.#connections.values()) if (own === server) return
    if (server !== this.#server) server.close()
  }

  #open(socket: TLSSocket, server: Server, { tls, limits: { maxConnectionAge } }: ListenerRules): void {
    const entered = this.#entered(socket)
    if (entered === undefined) return void socket.destroy()
    entered.arrived()
    const { from } = entered
    watchRequestLines(socket)
    const met = { vouchers: tls, at: this.#parts.clock.now() }
    const certificateOf = (): PeerCertificate | undefined => this.#certificateOf(socket, met)
    // The rules of the moment: a proxy that a reload no longer trusts is not believed on a connection that is already open.
    const sourceOf = (headers: Headers): Address | undefined => this.#rules.source.behind(headers, from)
    const sender = new SenderConnection({ socket, from, certificateOf, sourceOf, serve: this.#parts.serve, clock: this.#parts.clock })
    const lack = lackOfName(tls, sender.called) ?? lackOfTrust(this.#rules.tls, sender.certificate)
    if (this.#turnAway(sender, lack) !== undefined) return void socket.destroy()
    this.#connections.set(socket, { server, sender })
    const cancel = maxConnectionAge === undefined ? undefined : this.#parts.clock.after(maxConnectionAge, () => sender.retire())
    socket.once('close', () => {
      cancel?.()
      this.#connections.delete(socket)
      this.#retire(server)
    })
  }

  /** The parser has let go of this connection; behind another request that is still under way nothing can be handed over. */
  #handOver(request: IncomingMessage, first: Uint8Array): void {
    const socket = request.socket as TLSSocket
    const sender = this.#connections.get(socket)?.sender
    sender?.leftByParser()
    if (sender?.idle === false) return sender.breakOff(new Error('upgrade'), () => this.#dropRequest(socket, 'malformed-request', 'upgrade-pipelined'))
    this.#take(request, responseOf(request, this.#parts.clock), 'nothing', first)
    unwatchRequestLines(socket)
  }

  #take(request: IncomingMessage, response: ServerResponse, expect: Turn['expect'], first?: Uint8Array): void {
    const connection = this.#connections.get(request.socket as TLSSocket)
    if (connection === undefined) return void request.socket.destroy()
    const lack = lackOfTrust(this.#rules.tls, connection.sender.certificate)
    const away = this.#turnAway(connection.sender, lack, lack && certificateReasons[lack.reason])
    if (away !== undefined) return respondProblem(request, response, away, 'lost', this.#parts.clock)
    connection.sender.take({ request, response, expect, first, lineFault: requestLineFault(request) })
  }

  /** The parser gave up, or a head took too long. Node tells of failed handshakes here, too; those are `#refusedHandshake`'s. */
  #broken(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    const connection = this.#connections.get(socket)?.sender
    if (connection === undefined) return
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
    const reason = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'headers-timeout' : 'malformed-request'
    connection.breakOff(error, () => this.#dropRequest(socket, reason, error.code ?? error.message))
  }

  #dropRequest(socket: TLSSocket, reason: 'malformed-request' | 'headers-timeout', what: string): void {
    const sender = this.#connections.get(socket)?.sender
    const problem = this.#parts.dropped({
      from: sender?.from, reason, facts: { what }, certificate: sender?.certificate,
    })
    respondByHand(socket, problem)
  }

  #refusedHandshake(error: NodeJS.ErrnoException, socket: TLSSocket, tls: TlsMaterial): void {
    const entered = this.#entered(socket)
    entered?.arrived()
    if (entered?.hasSpoken() !== true) return void socket.destroy()
    this.#parts.dropped({ from: entered.from, ...handshakeRefusal(error, socket), certificate: this.#certificateOf(socket, { vouchers: tls, at: this.#parts.clock.now() }) })
    socket.destroy()
  }

  #turnAway({ from, certificate }: SenderConnection, lack: Lack | undefined, row?: ReasonRow): ProblemDetails | undefined {
    return lack && this.#parts.dropped({ from, ...lack, certificate, ...row && { row } })
  }

  /** What was trusted in the handshake is judged by the rules of today. */
  #certificateOf(socket: TLSSocket, met: Shown['met']): PeerCertificate | undefined {
    return peerCertificate(socket, { met, vouchers: () => this.#rules.tls, now: this.#parts.clock.now })
  }

  /** Node keeps the socket below a TLS socket under this name, and nowhere else; without it nobody would get in. */
  #entered(socket: TLSSocket): Entered | undefined {
    return this.#entrance.known((socket as TLSSocket & { readonly _parent?: Socket })._parent)
  }
}
