import { errors, type Dispatcher } from 'undici'
import type { Cancel, Clock } from '../core/ports.ts'
import type { Outbound, ReceiverReason, ReplySink, Sending } from '../core/receiver.ts'
import type { Milliseconds } from '../core/units.ts'
import type { Endpoint } from './endpoint.ts'
import { towardsSender } from './headers.ts'

export interface ExchangeTerms {
  readonly clock: Clock
  readonly timeout: Milliseconds
  readonly unhealthyAfter: number
  readonly retryAfter: Milliseconds
}

/** One delivery on its way to one of these endpoints, and the reply on its way back. Tells the sink one end, once. */
export class Exchange implements Sending, Dispatcher.DispatchHandler {
  readonly #outbound: Outbound
  readonly #sink: ReplySink
  readonly #endpoints: readonly Endpoint[]
  readonly #terms: ExchangeTerms
  #at = 0
  #bodiless = false
  #phase: 'connect' | 'head' | 'body' | 'over' = 'connect'
  #cancelTimer: Cancel = () => undefined
  #abort: ((error?: Error) => void) | undefined
  #resume: (() => void) | undefined

  constructor(outbound: Outbound, sink: ReplySink, endpoints: readonly Endpoint[], terms: ExchangeTerms) {
    this.#outbound = outbound
    this.#sink = sink
    this.#endpoints = endpoints
    this.#terms = terms
  }

  start(): void {
    this.#cancelTimer = this.#terms.clock.after(this.#terms.timeout, () => this.#timedOut())
    this.#dispatch()
  }

  resume(): void {
    if (this.#phase !== 'over') this.#resume?.()
  }

  abort(): void {
    if (this.#over()) this.#abort?.()
  }

  /** A connection is there and the request is about to be written. */
  onConnect(abort: (error?: Error) => void): void {
    if (this.#phase === 'over') return abort()
    this.#phase = 'head'
    this.#abort = abort
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void): boolean {
    if (status < 200) return this.#refuseInterim()
    this.#phase = 'body'
    this.#resume = resume
    this.#bodiless = status === 204 || status === 304
    const headers = raw.map(latin1)
    const next = this.#sink.head(status, towardsSender(status, headers))
    if (!this.#bodiless || !isChunked(headers)) return next === 'go-on'
    // Chunks that must not come, and will: they would be the next delivery's answer.
    if (next === 'go-on') this.#endHere()
    else this.#resume = () => this.#endHere()
    return false
  }

  onData(chunk: Buffer): boolean {
    return this.#phase !== 'body' || this.#sink.data(chunk) === 'go-on'
  }

  onComplete(): void {
    if (!this.#over()) return
    this.#endpoint.succeeded()
    this.#sink.end()
  }

  onError(error: Error): void {
    if (this.#phase === 'over') return
    if (this.#bodiless && codeOf(error) === lengthMismatch) return this.onComplete()
    this.#noteFailure()
    if (this.#phase === 'connect' && this.#at + 1 < this.#endpoints.length) {
      this.#at++
      return this.#dispatch()
    }
    this.#fail(this.#reason(error), codeOf(error))
  }

  #endHere(): void {
    this.onComplete()
    this.#abort?.()
  }

  /** A few interim answers are dropped before they come here (`interim.ts`). */
  #refuseInterim(): boolean {
    this.#noteFailure()
    this.#fail('receiver-invalid', 'too many interim answers')
    this.#abort?.()
    return false
  }

  get #endpoint(): Endpoint {
    return this.#endpoints[this.#at] as Endpoint
  }

  #dispatch(): void {
    this.#endpoint.dispatch(this.#outbound, this)
  }

  #timedOut(): void {
    if (this.#phase === 'over') return
    this.#noteFailure()
    this.#fail('receiver-timeout', 'timeout')
    this.#abort?.()
  }

  #noteFailure(): void {
    this.#endpoint.failed(this.#terms.clock.monotonic(), this.#terms)
  }

  #fail(reason: ReceiverReason, error: string): void {
    const phase = this.#phase
    if (this.#over()) this.#sink.failed(reason, { error, phase })
  }

  /** True the first time. */
  #over(): boolean {
    if (this.#phase === 'over') return false
    this.#phase = 'over'
    this.#cancelTimer()
    return true
  }

  #reason(error: Error): ReceiverReason {
    const code = codeOf(error)
    if (this.#phase === 'connect') return code === 'UND_ERR_CONNECT_TIMEOUT' ? 'receiver-timeout' : 'receiver-unavailable'
    if (this.#phase === 'body') return 'receiver-invalid'
    const isInvalid = error instanceof errors.HTTPParserError || invalid.has(code) || protocolBreaks.has(error.message)
    return isInvalid ? 'receiver-invalid' : 'receiver-unavailable'
  }
}

/** Also told of a 204 or 304 that states a length, though no body follows either (RFC 9112 §6.3). */
const lengthMismatch = 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'

const invalid: ReadonlySet<string> = new Set(['UND_ERR_HEADERS_OVERFLOW', lengthMismatch])

/** What undici calls an answer that came unasked, one `100 Continue` too many and an unasked change of protocols: all have one code. */
const protocolBreaks: ReadonlySet<string> = new Set(['bad response', 'bad upgrade'])

function isChunked(headers: readonly string[]): boolean {
  return headers.some((name, at) => at % 2 === 0 && name.length === 17 && name.toLowerCase() === 'transfer-encoding')
}

function codeOf(error: Error & { readonly code?: unknown }): string {
  return typeof error.code === 'string' ? error.code : error.name
}

function latin1(bytes: Buffer): string {
  return bytes.toString('latin1')
}
