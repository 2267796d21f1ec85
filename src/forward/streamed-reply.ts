import type { ClientRequest, IncomingMessage } from 'node:http'
import { pipeline, type Writable } from 'node:stream'
import type { ReplyWriter } from '../core/reply.ts'
import { receiverReasons, type Outbound, type ReceiverPlan, type ReceiverReason } from '../core/receiver.ts'
import type { Bytes } from '../core/units.ts'
import type { Facts } from '../core/verdict.ts'
import type { Failure } from './forwarding.ts'
import { towardsSender } from './headers.ts'

/** A delivery that is handed on as it comes. */
export interface Streaming {
  readonly reply: ReplyWriter
  /** The answer's body. */
  readonly response: Writable
  readonly to: ReceiverPlan
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
  /** The receiver was silent for too long. */
  timedOut = false
  readonly #streaming: Streaming
  readonly #over: (end: Pick<Streamed, 'status' | 'failure'>) => void
  #interim = 0

  constructor(streaming: Streaming, over: (end: Pick<Streamed, 'status' | 'failure'>) => void) {
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
      if (error == null) return this.over(undefined)
      this.fail(this.timedOut ? 'receiver-timeout' : 'receiver-invalid', error)
    })
  }

  failed(error: NodeJS.ErrnoException): void {
    const reason = this.timedOut ? 'receiver-timeout' : error.code?.startsWith('HPE_') === true ? 'receiver-invalid' : 'receiver-unavailable'
    this.fail(reason, error)
  }

  fail(reason: ReceiverReason, { code, name }: NodeJS.ErrnoException): void {
    const row = receiverReasons[reason]
    if (this.status !== 0) this.#streaming.reply.abort()
    this.over({ reason, row, facts: { error: code ?? name, phase: this.status === 0 ? 'head' : 'body' } })
  }

  /** The sender went before it was answered. */
  gone(): void {
    if (this.#streaming.response.writableFinished) return this.over(undefined)
    this.over({ reason: 'body-incomplete', row: { status: 400, title: 'The delivery ended early' }, facts: { phase: 'stream' } })
  }

  /** The first end counts. */
  over(failure: Failure | undefined): void {
    const status = this.status === 0 ? failure?.row.status ?? 0 : this.status
    this.#over({ status, failure })
  }
}
