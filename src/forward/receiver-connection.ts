import type { Socket } from 'node:net'
import { inNextTurn, withCohort } from '../core/cohorts.ts'
import type { Deadline, Deadlines, Limited } from '../core/deadlines.ts'
import type { Outbound } from '../core/receiver.ts'
import { requestHead, withBody } from './request-text.ts'
import { ResponseReader, type ResponseFault, type ResponseHead } from './response-reader.ts'
import type { Breakage, ResponseSink } from './response-sink.ts'

/** `ended`: the receiver wrote its last · `broke`: the connection is gone. */
type Over = 'ended' | 'broke'

/** What all connections to one URL have in common. */
export interface ConnectionParts {
  /** For `Host`. */
  readonly host: string
  /** Its response is over, and it may be used again. */
  readonly freed: (connection: ReceiverConnection) => void
  /** It never will be again. */
  readonly gone: (connection: ReceiverConnection) => void
  /** How long a receiver that has answered already may take to read the rest of the request. */
  readonly closing: Deadlines
}

/** Bodies up to this leave in one piece with their head. */
const joined = 64 * 1024
const nothing = Buffer.alloc(0)

/**
 * One connection to a receiver, and one request at a time on it. It is free again only where the response was read to its
 * end, nothing came behind it, and the receiver keeps it; whatever is in doubt closes it.
 */
export class ReceiverConnection implements Limited {
  /** For how long the receiver says that it keeps this one idle, in seconds. */
  keepAlive: number | undefined
  readonly #socket: Socket
  readonly #parts: ConnectionParts
  #sink: ResponseSink | undefined
  #reader = new ResponseReader('')
  #response: ResponseHead | undefined
  #bytes: Buffer = nothing
  #waits = false
  /** What came is looked at before this turn of the event loop is over. */
  #isDue = false
  /** A request that leaves before this turn is over. */
  #leaving: string | Buffer | undefined
  /** How the connection ended; told once all that came before was taken. */
  #over: Over | undefined
  #error: NodeJS.ErrnoException | undefined
  /** Set while it closes behind its last response. */
  #closing: Deadline | undefined

  /** `socket` is connected; what it reads is handed to `take`. */
  constructor(socket: Socket, parts: ConnectionParts) {
    this.#socket = socket
    this.#parts = parts
    socket.on('end', () => this.#end('ended')).on('error', (error) => { this.#error = error })
    socket.on('close', () => {
      this.#end('broke')
      if (this.#closing !== undefined) parts.closing.end(this.#closing)
      parts.gone(this)
    })
  }

  get isUsable(): boolean {
    return this.#sink === undefined && !this.#socket.destroyed && this.#socket.writable && !this.#socket.readableEnded
  }

  send(outbound: Outbound, sink: ResponseSink): void {
    const { method, body } = outbound
    this.#sink = sink
    this.#reader = new ResponseReader(method)
    this.#response = undefined
    const head = requestHead(outbound, this.#parts.host)
    if (body.length <= joined) return this.#leave(body.length === 0 ? head : withBody(head, body))
    sink.written(this)
    this.#socket.cork()
    this.#socket.write(head, 'latin1')
    this.#socket.write(body)
    this.#socket.uncork()
  }

  /** With the requests of other connections. */
  #leave(request: string | Buffer): void {
    this.#leaving = request
    withCohort('to-receivers', this.#onLeave)
  }

  /** Until here it may go another way: not one byte of it was written. */
  readonly #onLeave = (): void => {
    const [sink, request] = [this.#sink, this.#leaving]
    this.#leaving = undefined
    if (sink === undefined || request === undefined) return
    if (!sink.isWanted) return this.#spare()
    sink.written(this)
    this.#socket.write(request, 'latin1')
  }

  /** Nobody waits for it any more, and nothing of it has left. */
  #spare(): void {
    this.#sink = undefined
    this.#onRested()
  }

  /** The sink is ready for more. */
  resume(): void {
    if (!this.#waits) return
    this.#waits = false
    this.#socket.resume()
    this.#advance()
    this.#conclude()
  }

  /** The sink does not want to hear any more. */
  abort(): void {
    this.#sink = undefined
    this.#socket.destroy()
  }

  /** Bytes that came, and are ours. */
  take(chunk: Buffer): void {
    // Nobody asked yet: whatever it is, the next response must not be taken for it.
    if (this.#sink === undefined || this.#leaving !== undefined) return void this.#socket.destroy()
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    if (this.#isDue || this.#response !== undefined) return this.#advance()
    this.#isDue = true
    withCohort('responses', this.catchUp)
  }

  /** Where it is due, and was not looked at before its time. */
  readonly catchUp = (): void => {
    if (!this.#isDue) return
    this.#isDue = false
    this.#advance()
  }

  readonly #onRested = (): void => { if (this.isUsable) this.#parts.freed(this) }

  #advance(): void {
    while (this.#sink !== undefined && !this.#waits && this.#response === undefined && this.#bytes.length > 0) {
      if (!this.#readHead(this.#sink)) break
    }
    if (this.#sink !== undefined && !this.#waits && this.#response !== undefined) this.#readBody(this.#sink, this.#response)
  }

  /** False where there is no more to read for now. */
  #readHead(sink: ResponseSink): boolean {
    const read = this.#reader.read(this.#bytes)
    if (read === undefined) return false
    if (typeof read === 'string') return this.#invalid(read)
    if ('skip' in read) {
      this.#bytes = this.#bytes.subarray(read.skip)
      return true
    }
    this.#bytes = this.#bytes.subarray(read.length)
    this.#response = read.head
    if (sink.head(read.head.status, read.head.fields) === 'wait') this.#waitForNonce()
    return false
  }

  #readBody(sink: ResponseSink, { decoder, endsWithConnection }: ResponseHead): void {
    const bytes = this.#bytes
    this.#bytes = nothing
    if (endsWithConnection) {
      if (bytes.length > 0) this.#note(sink.data(bytes))
      return
    }
    const taken = bytes.length === 0 ? 0 : decoder.take(bytes, (part) => this.#note(sink.data(part)))
    if (taken === 'fault') return void this.#invalid('framing')
    if (!decoder.isOver) return
    this.#complete(sink, bytes.length > taken)
  }

  /** Most are settled before anything more is read. */
  #waitForNonce(): void {
    this.#waits = true
    withCohort('to-senders', this.#holdBack)
  }

  readonly #holdBack = (): void => { if (this.#waits) this.#socket.pause() }

  #note(answer: 'go-on' | 'wait'): void {
    if (answer === 'go-on' || this.#sink === undefined) return
    this.#waits = true
    this.#socket.pause()
  }

  #complete(sink: ResponseSink, hasSurplus: boolean): void {
    const response = this.#response
    this.#sink = undefined
    // Whoever asked to wait has all there is; the next one is to hear its answer.
    if (this.#waits) this.#socket.resume()
    this.#waits = false
    this.keepAlive = response?.keepAlive
    // What is not written yet would be read as the next request.
    const isFree = response?.persists === true && !hasSurplus && this.#socket.writableLength === 0
    // Some receivers close what they said they would keep, and the end is then already on its way.
    if (isFree) inNextTurn(this.#onRested)
    else this.#closeBehind(response)
    sink.complete()
  }

  /** Who has accepted before all was written gets the rest, where it reads on in time; who has not wants no more of it. */
  #closeBehind(response: ResponseHead | undefined): void {
    const isAccepted = response !== undefined && response.status < 300
    if (this.#socket.destroyed || (this.#socket.writableLength > 0 && !isAccepted)) return void this.#socket.destroy()
    this.#closing = this.#parts.closing.begin(this)
    this.#socket.destroySoon()
  }

  timedOut(): void {
    this.#socket.destroy()
  }

  /** Nothing more comes. What came counts first, and a sink that asked to wait for it is not told before it goes on. */
  #end(how: Over): void {
    this.catchUp()
    this.#over ??= how
    this.#conclude()
  }

  #conclude(): void {
    const [sink, over] = [this.#sink, this.#over]
    if (over === undefined || this.#waits) return
    if (sink !== undefined && over === 'ended' && this.#response?.endsWithConnection === true) return this.#complete(sink, false)
    this.#break({ kind: over === 'broke' || this.#response === undefined ? 'connection' : 'response', code: this.#error?.code ?? 'closed' })
    this.#socket.destroy()
  }

  #invalid(code: ResponseFault): false {
    this.#break({ kind: 'response', code })
    this.#socket.destroy()
    return false
  }

  #break(breakage: Breakage): void {
    const sink = this.#sink
    this.#sink = undefined
    sink?.broken(breakage)
  }
}
