import type { TLSSocket } from 'node:tls'
import { withCohort } from '../core/cohorts.ts'
import type { Address, PeerCertificate } from '../core/delivery.ts'
import type { Headers } from '../core/headers.ts'
import type { Linked } from '../core/linked.ts'
import type { Bytes, Instant, Milliseconds } from '../core/units.ts'
import { HeadReader, type RequestHead } from './head-reader.ts'
import { Inbox } from './inbox.ts'
import { Lingering } from './lingering.ts'
import { nobody, Reply, type Asked } from './reply.ts'
import { RequestBody } from './request-body.ts'
import type { CutOff, SenderParts, Turn } from './turn.ts'

/**
 * One sender's connection: who is there, and one request at a time. What is written ahead waits in the inbox, unread, until
 * the request before it is answered, and is dropped where that answer closes the connection.
 */
export class SenderConnection implements Linked<SenderConnection> {
  before: SenderConnection | undefined
  after: SenderConnection | undefined
  readonly socket: TLSSocket
  /** Who is connected: the peer, or whom its PROXY header names. */
  readonly from: Address
  /** Who sent a request with these headers; undefined where a trusted peer wrote what names no address. */
  readonly sourceOf: (headers: Headers) => Address | undefined
  readonly #parts: SenderParts
  readonly #inbox: Inbox
  readonly #heads: HeadReader
  #turn: Turn | undefined
  /** `head`: the first byte of a request is awaited with patience for heads, not for idleness, at the start of a connection. */
  #phase: 'head' | 'idle' | 'refusing' | 'closing' = 'head'
  /** When that began; monotonic. */
  #since: Milliseconds
  #retired = false
  /** The sender writes nothing more, but may read. */
  #isAll = false
  #lingering: Lingering | undefined
  #certificate: PeerCertificate | undefined | 'unread' = 'unread'
  /** Set where another protocol is spoken. */
  #cutOff: CutOff | undefined
  #wasTrusted = false
  /** What is in the inbox is looked at before this turn of the event loop is over. */
  #isDue = false
  readonly #onData = (chunk: Buffer): void => this.#take(chunk)
  readonly #onEnd = (): void => this.#ended()
  readonly #onDrain = (): void => {
    if (this.#turn !== undefined) return this.#turn.reply.drained()
    this.#advance()
  }
  readonly #onDue = (): void => {
    this.#isDue = false
    this.#goOn()
  }

  constructor(parts: SenderParts) {
    const { socket, from, sourceOf, limits, clock } = parts
    this.socket = socket
    this.from = from
    this.sourceOf = sourceOf
    this.#parts = parts
    this.#inbox = new Inbox(socket)
    this.#heads = new HeadReader(this.#inbox, limits.headers)
    this.#since = clock.monotonic()
  }

  /** Begins to read. */
  open(): void {
    this.socket.allowHalfOpen = true // Node takes it from the accepted socket, whatever the server's options say.
    this.socket.on('data', this.#onData).on('end', this.#onEnd).on('drain', this.#onDrain)
    this.socket.on('close', () => this.#gone()).on('error', (error: NodeJS.ErrnoException) => this.#failed(error.code ?? ''))
  }

  /** The name that the sender called in the handshake (SNI), as it wrote it. */
  get called(): string | undefined {
    // Empty and false where none was called; Node types it otherwise.
    return (this.socket.servername as string | false | null | undefined) || undefined
  }

  /** Parsed when first asked for, once per connection. */
  get certificate(): PeerCertificate | undefined {
    if (this.#certificate === 'unread') this.#certificate = this.#parts.certificateOf()
    return this.#certificate
  }

  get idle(): boolean {
    return this.#turn === undefined && !this.#isDue && this.#phase !== 'refusing'
  }

  /** Closes after the answer that is under way or comes next; an idle one stays until then. */
  retire(): void {
    this.#retired = true
    this.#cutOff?.('age')
  }

  /** Closes now, or after the answer that is under way. */
  dismiss(): void {
    this.#cutOff?.('certificate')
    this.retire()
    if (this.idle) this.socket.destroySoon()
  }

  /** The sender wants another protocol, and gets it: the socket is left to whoever speaks that. Gives what was not read. */
  release(): Buffer {
    this.socket.off('data', this.#onData).off('end', this.#onEnd).off('drain', this.#onDrain)
    const { bytes } = this.#inbox
    this.#inbox.clear()
    return bytes
  }

  /** From now on what would close the connection with its next answer ends the other protocol at once. */
  handOver(cutOff: CutOff): void {
    this.#cutOff = cutOff
    this.#wasTrusted = this.certificate?.trust === 'trusted'
    if (this.#retired) cutOff('age')
  }

  /** Ends another protocol where one is spoken. */
  cut(why: Parameters<CutOff>[0]): void {
    this.#cutOff?.(why)
  }

  /** Another protocol is spoken: no delivery will ask again whether its certificate is trusted. */
  get isHandedOver(): boolean {
    return this.#cutOff !== undefined
  }

  /** Its certificate was trusted in the handshake, or when the other protocol began, and is not any more. */
  hasLostTrust(at: Instant): boolean {
    if (!(this.isHandedOver ? this.#wasTrusted : this.socket.authorized) || this.certificate === undefined) return false
    return this.certificate.trust !== 'trusted' || !(at <= this.certificate.notAfter)
  }

  /** Looks at the time: a head that does not come, a connection with nothing to do, an answer that nobody reads. */
  tick(now: Milliseconds): void {
    if (this.#turn !== undefined || this.#isDue) return // What came in time counts, though many others are looked at first.
    const { headersTimeout, idleTimeout } = this.#parts.limits
    const waited = now - this.#since
    if (this.socket.writableLength > 0 || this.#phase === 'closing') return waited > idleTimeout ? void this.socket.destroy() : undefined
    if (this.#phase === 'head' && waited > headersTimeout) return this.#refuse('headers-timeout', 'the head did not come in time')
    if (this.#phase === 'idle' && waited > idleTimeout) this.socket.destroySoon()
  }

  #take(chunk: Buffer): void {
    if (this.#isLost) return this.#lingering?.take(chunk)
    this.#inbox.add(chunk)
    if (this.#turn !== undefined) return this.#turn.body.arrived()
    if (this.#phase === 'idle') this.#await('head')
    this.#beDue()
  }

  /** Nothing that still comes is a request. */
  get #isLost(): boolean {
    return this.#phase === 'refusing' || this.#phase === 'closing'
  }

  #beDue(): void {
    if (this.#isDue) return
    this.#isDue = true
    withCohort('requests', this.#onDue)
  }

  /** Serves the next request in the inbox, where it may be served now. What is behind it waits, also where it is answered at once. */
  #advance(): void {
    if (this.#turn !== undefined || this.#isLost) return
    const head = this.#inbox.length > 0 ? this.#heads.read() : undefined
    if (typeof head === 'string') return this.#refuse('malformed-request', head)
    if (head !== undefined) return this.#begin(head)
    if (this.#isAll) this.#endOf(this.#inbox.length)
  }

  /** The sender has written its last, and whatever was whole is answered. */
  #endOf(left: Bytes): void {
    if (left > 0) return this.#refuse('malformed-request', 'cut')
    this.#await('closing')
    this.socket.destroySoon()
  }

  #begin(head: RequestHead): void {
    const body = new RequestBody(head.decoder, this.#inbox)
    let isSound = head.framing !== 'unclear'
    const persists = (): boolean => isSound && head.persists && !this.#retired && body.skip() && !(this.#isAll && this.#inbox.length === 0)
    const reply = this.#reply(head, persists, () => this.#answered(isSound ? body : undefined))
    const forfeit = (): void => { isSound = false }
    const turn: Turn = { ...head, body, reply, forfeit }
    this.#turn = turn
    if (this.#isAll) body.arrivedAll()
    this.#parts.serve(turn, this)
  }

  #reply(asked: Asked, mayPersist: () => boolean, over: () => void): Reply {
    return new Reply({ socket: this.socket, asked, mayPersist, over, idleTimeout: this.#parts.limits.idleTimeout, date: this.#parts.date })
  }

  /** `body` is undefined where nobody knows its end. */
  #answered(body: RequestBody | undefined): void {
    const persists = this.#turn?.reply.persists === true
    this.#turn = undefined
    if (!persists) return this.#close(body)
    this.socket.allowHalfOpen = true
    this.#await(this.#inbox.length > 0 ? 'head' : 'idle')
    if (this.#isAll || this.#inbox.length > 0) this.#beDue()
  }

  /** What was written ahead waits until the sender has read its answers. */
  #goOn(): void {
    if (!this.socket.writableNeedDrain) this.#advance()
  }

  #await(phase: 'head' | 'idle' | 'refusing' | 'closing'): void {
    this.#phase = phase
    this.#since = this.#parts.clock.monotonic()
  }

  #refuse(reason: 'malformed-request' | 'headers-timeout', what: string): void {
    this.#inbox.clear()
    this.#await('refusing')
    this.#parts.refuse(this, this.#reply(nobody, () => false, () => this.#close(undefined)), reason, what)
  }

  /** Closes behind the answer, whatever the sender is still writing. */
  #close(body: RequestBody | undefined): void {
    this.#await('closing')
    const { socket } = this
    if (body?.isOver === true || socket.destroyed || socket.readableEnded) return void socket.destroySoon()
    this.#lingering = new Lingering({ socket, inbox: this.#inbox, body, clock: this.#parts.clock })
  }

  #ended(): void {
    if (this.#phase === 'closing') return void this.socket.destroySoon()
    this.#isAll = true
    if (this.#turn !== undefined) this.#turn.body.arrivedAll()
    else this.#goOn()
  }

  /** What broke closes by itself, and `close` says so; what was no TLS has to be closed, and is on record beside. */
  #failed(code: string): void {
    if (!code.startsWith('ERR_SSL')) return
    if (this.#isDue) this.#goOn()
    if (this.#turn !== undefined) this.socket.destroy()
    else if (!this.#isLost) this.#refuse('malformed-request', code)
  }

  #gone(): void {
    this.#lingering?.stop()
    const turn = this.#turn
    turn?.body.break()
    turn?.reply.abort()
    this.#phase = 'closing'
  }
}
