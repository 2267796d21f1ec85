import type { ClientRequest, IncomingMessage } from 'node:http'
import { pipeline, type Writable } from 'node:stream'
import type { Clock } from '../core/ports.ts'
import type { ReplyWriter } from '../core/reply.ts'
import { receiverReasons, type Outbound, type ReceiverPlan, type ReceiverReason } from '../core/receiver.ts'
import type { Bytes } from '../core/units.ts'
import type { Facts } from '../core/verdict.ts'
import type { Failure } from './forwarding.ts'
import { towardsSender } from './headers.ts'
import type { Health } from './health.ts'

/** A delivery that is handed on as it comes. */
export interface Streaming {
  readonly reply: ReplyWriter
  /** The answer's body. */
  readonly response: Writable
  readonly to: ReceiverPlan
  readonly clock: Clock
  readonly outbound: Omit<Outbound, 'body'>
  /** Further header lines for the sender: name, value … */
  readonly replyHeaders: readonly string[]
}

export interface Streamed {
  /** What the sender was told, or would have been. */
  readonly status: number
  /** Of the request's body, or of what the sender wrote after the change of protocols. */
  readonly bytes: Bytes
  /** Where there is one and no head was sent yet, the sender is still to be told. */
  readonly failure: Failure | undefined
  /** What there is to say of it beyond that. */
  readonly facts: Facts
}

/** The most interim answers in front of an answer; they are skipped. */
const mostInterim = 16

/** An answer that is handed back as it comes. Tells one end, once. */
export class StreamedReply {
  /** What the sender was told; 0: nothing yet. */
  status = 0
  /** Of the request's body, so far. */
  bytes: Bytes = 0
  /** Of the URL that was sent it. */
  health: Health | undefined
  /** Who was silent for too long. */
  silent: 'nobody' | 'receiver' | 'sender' = 'nobody'
  readonly #streaming: Streaming
  readonly #over: (end: Omit<Streamed, 'facts'>) => void
  #interim = 0
  #isOver = false

  constructor(streaming: Streaming, over: (end: Omit<Streamed, 'facts'>) => void) {
    this.#streaming = streaming
    this.#over = over
  }

  /** Holds a request that is being sent to the bounds of its answer. */
  watch(sent: ClientRequest): void {
    sent.on('information', () => {
      this.#interim++
      if (this.#interim > mostInterim) sent.destroy(Object.assign(new Error('too many interim answers'), { code: 'HPE_INTERIM' }))
    })
  }

  answer(answer: IncomingMessage): void {
    const { reply, response, replyHeaders } = this.#streaming
    if (response.destroyed || this.status !== 0) return void answer.destroy()
    this.status = answer.statusCode ?? 502
    reply.writeHead(this.status, [...towardsSender(this.status, answer.rawHeaders), ...replyHeaders])
    let cut = false
    answer.once('error', () => { cut = true })
    response.once('close', () => { if (!cut) this.gone() })
    pipeline(answer, response, (error) => {
      if (error == null) return this.succeeded()
      this.fail(this.silent === 'nobody' ? 'receiver-invalid' : 'receiver-timeout', error)
    })
  }

  failed(error: NodeJS.ErrnoException): void {
    if (this.silent === 'sender' && this.status === 0) return this.over(stalled)
    this.fail(this.#reason(error), error)
  }

  fail(reason: ReceiverReason, { code, name }: NodeJS.ErrnoException): void {
    const row = receiverReasons[reason]
    if (this.status !== 0) this.#streaming.reply.abort()
    // A receiver whose answer is not read is in good health.
    if (this.silent !== 'sender') this.unwell()
    const error = this.silent === 'sender' ? 'the sender is silent' : code ?? name
    this.over({ reason, row, facts: { error, phase: this.status === 0 ? 'head' : 'body' } })
  }

  succeeded(): void {
    this.health?.succeeded()
    this.over(undefined)
  }

  /** The URL that was tried failed, whatever becomes of the delivery. */
  unwell(): void {
    const { clock, to } = this.#streaming
    if (!this.#isOver) this.health?.failed(clock.monotonic(), to)
  }

  /** The sender went before it was answered. */
  gone(): void {
    if (this.#streaming.response.writableFinished) return this.over(undefined)
    this.over({ reason: 'body-incomplete', row: { status: 400, title: 'The delivery ended early' }, facts: { phase: 'stream' } })
  }

  /** The first end counts. */
  over(failure: Failure | undefined): void {
    const status = this.status === 0 ? failure?.row.status ?? 0 : this.status
    this.#isOver = true
    this.#over({ status, bytes: this.bytes, failure })
  }

  #reason({ code }: NodeJS.ErrnoException): ReceiverReason {
    if (this.silent === 'receiver' || code === 'connect-timeout') return 'receiver-timeout'
    return code?.startsWith('HPE_') === true ? 'receiver-invalid' : 'receiver-unavailable'
  }
}

const stalled: Failure = {
  reason: 'body-timeout', row: { status: 408, title: 'The body did not arrive in time' }, facts: { phase: 'stream' },
}
