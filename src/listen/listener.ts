import { createServer as createSocketServer, type AddressInfo, type Server as SocketServer, type Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { Shown } from '../certificates/certificate.ts'
import { verifyLateLists } from '../certificates/late-lists.ts'
import type { Address, PeerCertificate } from '../core/delivery.ts'
import type { Headers } from '../core/headers.ts'
import { LinkedList } from '../core/linked.ts'
import type { Limits } from '../core/plan.ts'
import type { Cancel, Clock } from '../core/ports.ts'
import type { Milliseconds } from '../core/units.ts'
import { certificateReasons } from '../core/trust.ts'
import type { ReasonRow } from '../core/verdict.ts'
import { SenderConnection } from './connection.ts'
import type { Connections } from './connections.ts'
import { httpDate } from './date.ts'
import type { Drop } from './drop.ts'
import { Entrance, type Entered } from './entrance.ts'
import { forsake } from './gone.ts'
import { handshakeRefusal } from './handshake.ts'
import { forgetCertificate, peerCertificate } from './peer-certificate.ts'
import type { Reply } from './reply.ts'
import { respondProblem, type ProblemDetails } from './respond.ts'
import type { SourceRules } from './source.ts'
import { dismissUntrusted, lackOfName, lackOfTrust, watchExpiry, type Lack } from './standing.ts'
import type { TlsMaterial } from './tls.ts'
import type { SenderParts, Turn } from './turn.ts'

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
  readonly serve: (turn: Turn, connection: SenderConnection) => void
  /** Records a connection that ended before there was a request that could be judged; gives what to tell the sender. */
  readonly dropped: (drop: Drop) => ProblemDetails
}

/** What a reload may change. */
export interface ListenerRules {
  readonly tls: TlsMaterial
  readonly source: SourceRules
  readonly limits: Limits
}

/** How often the connections are asked for deadlines that have passed, at the latest. */
const longestInterval: Milliseconds = 1_000
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
  #cancelExpiry: Cancel = () => {}
  readonly #senders = new LinkedList<SenderConnection>()
  readonly #date: () => string
  readonly #serving: SenderParts['serve'] = (turn, sender) => this.#serve(turn, sender)
  readonly #refusing: SenderParts['refuse'] = (sender, reply, reason, what) => this.#refuse(sender, reply, reason, what)
  readonly #vouchers: Shown['vouchers'] = () => this.#rules.tls

  constructor(parts: ListenerParts) {
    this.#parts = parts
    this.#entrance = new Entrance(parts)
    this.#date = httpDate(parts.clock)
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
        // An accept that fails, for want of descriptors, costs that connection and not the process.
        this.#door.on('error', ignore)
        this.#sweep()
        this.#cancelExpiry = watchExpiry(this.#parts.clock, () => this.senders)
        resolve(this.#door.address() as AddressInfo)
      })
    })
  }

  /**
   * Certificates and rules for the handshakes from now on: a server of its own takes the new connections. Throws where
   * OpenSSL does not take them; the old server stays then.
   */
  renew(rules: ListenerRules): void {
    this.#server = this.#makeServer(rules)
    this.#rules = rules
    void dismissUntrusted(this.senders)
  }

  /** What would hold up the deliveries of open connections, were it done when these rules hold. */
  async prepare({ tls: { lateLists } }: ListenerRules): Promise<void> {
    if (lateLists.length === 0) return
    for (const { socket, certificate } of this.#senders.all()) if (socket.authorized && certificate !== undefined) await verifyLateLists(certificate, lateLists)
  }

  /** Whose connections are open. */
  get senders(): readonly SenderConnection[] {
    return this.#senders.all()
  }

  /**
   * No new connections. Those that are open get an answer to what they still send, and are closed with it; idle ones
   * are closed after a moment. Resolves when the last one is gone, and what became of its handshake was told.
   */
  stop(): Promise<void> {
    // Node tells of a handshake that broke off a little after its socket has closed.
    const gone = new Promise<void>((resolve) => { this.#door.close(() => setImmediate(resolve)) })
    void gone.then(() => { this.#cancelSweep(); this.#cancelExpiry() })
    this.#parts.clock.after(idleGrace, () => {
      for (const sender of this.#senders.all()) if (sender.idle) sender.socket.destroySoon()
    })
    return gone
  }

  /** Breaks what is still open. */
  destroy(): void {
    for (const sender of this.#senders.all()) sender.cut('drain')
    this.#entrance.destroy()
  }

  /** Deadlines by one timer for all connections: one each would cost more than to look. */
  #sweep(): void {
    const { headersTimeout, idleTimeout } = this.#rules.limits
    const { clock } = this.#parts
    const now = clock.monotonic()
    for (const sender of this.#senders.all()) {
      sender.tick(now)
      if (sender.isHandedOver && sender.hasLostTrust(clock.now())) sender.dismiss()
    }
    this.#cancelSweep = clock.after(Math.min(longestInterval, headersTimeout, idleTimeout), () => this.#sweep())
  }

  #accept(socket: Socket): void {
    const { source, limits } = this.#rules
    this.#entrance.enter(socket, source, limits.handshakeTimeout, () => void this.#server.emit('connection', socket))
  }

  #makeServer(rules: ListenerRules): Server {
    const { tls, limits } = rules
    const server = createServer({ ...tls.options, handshakeTimeout: limits.handshakeTimeout })
    server.on('secureConnection', (socket) => this.#arrive(socket, rules))
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => this.#refusedHandshake(error, socket, rules))
    return server
  }

  /** A list of an authority that only senders send may be long: it is verified in slices, within the time for the handshake. */
  #arrive(socket: TLSSocket, rules: ListenerRules): void {
    const certificate = this.#rules.tls.lateLists.length > 0 && socket.authorized ? this.#certificateOf(socket, this.#met(rules)) : undefined
    if (certificate === undefined) return this.#open(socket, rules)
    socket.on('error', ignore)
    void verifyLateLists(certificate, this.#rules.tls.lateLists).then(() => this.#open(socket, rules), () => socket.destroy())
  }

  #open(socket: TLSSocket, rules: ListenerRules): void {
    const entered = this.#entered(socket)
    if (entered === undefined || socket.destroyed) return void socket.destroy()
    entered.arrived()
    const sender = this.#senderOf(socket, entered.from, rules)
    const lack = lackOfName(rules.tls, sender.called) ?? lackOfTrust(this.#rules.tls, sender.certificate)
    if (this.#turnAway(sender, lack) !== undefined) return void socket.destroy()
    this.#senders.append(sender)
    const { maxConnectionAge } = rules.limits
    const cancel = maxConnectionAge === undefined ? undefined : this.#parts.clock.after(maxConnectionAge, () => sender.retire())
    socket.on('close', () => {
      cancel?.()
      this.#senders.remove(sender)
      forsake(socket)
      forgetCertificate(socket)
    })
    sender.open()
  }

  #senderOf(socket: TLSSocket, from: Address, rules: ListenerRules): SenderConnection {
    const met = this.#met(rules)
    const certificateOf = (): PeerCertificate | undefined => this.#certificateOf(socket, met)
    // The rules of the moment: a proxy that a reload no longer trusts is not believed on a connection that is already open.
    const sourceOf = (headers: Headers): Address | undefined => this.#rules.source.behind(headers, from)
    return new SenderConnection({
      socket, from, limits: rules.limits, clock: this.#parts.clock, date: this.#date, certificateOf, sourceOf,
      serve: this.#serving, refuse: this.#refusing,
    })
  }

  #serve(turn: Turn, sender: SenderConnection): void {
    const lack = lackOfTrust(this.#rules.tls, sender.certificate)
    const away = this.#turnAway(sender, lack, lack && certificateReasons[lack.reason])
    if (away === undefined) return this.#parts.serve(turn, sender)
    turn.forfeit()
    respondProblem(turn.reply, away)
  }

  /** There is no request that could be judged. */
  #refuse({ from, certificate }: SenderConnection, reply: Reply, reason: 'malformed-request' | 'headers-timeout', what: string): void {
    respondProblem(reply, this.#parts.dropped({ from, reason, facts: { what }, certificate }))
  }

  #refusedHandshake(error: NodeJS.ErrnoException, socket: TLSSocket, rules: ListenerRules): void {
    const entered = this.#entered(socket)
    entered?.arrived()
    if (entered?.hasSpoken() !== true) return void socket.destroy()
    this.#parts.dropped({ from: entered.from, ...handshakeRefusal(error, socket), certificate: this.#certificateOf(socket, this.#met(rules)) })
    socket.destroy()
  }

  #turnAway({ from, certificate }: SenderConnection, lack: Lack | undefined, row?: ReasonRow): ProblemDetails | undefined {
    return lack && this.#parts.dropped({ from, ...lack, certificate, ...row && { row } })
  }

  #met({ tls }: ListenerRules): Shown['met'] {
    return { vouchers: tls, at: this.#parts.clock.now() }
  }

  /** What was trusted in the handshake is judged by the rules of today. */
  #certificateOf(socket: TLSSocket, met: Shown['met']): PeerCertificate | undefined {
    return peerCertificate(socket, { met, vouchers: this.#vouchers, now: this.#parts.clock.now })
  }

  /** Node keeps the socket below a TLS socket under this name, and nowhere else; without it nobody would get in. */
  #entered(socket: TLSSocket): Entered | undefined {
    return this.#entrance.known((socket as TLSSocket & { readonly _parent?: Socket })._parent)
  }
}

/** The system has counted it; there is no sender to name in a record. */
function ignore(): void {}
