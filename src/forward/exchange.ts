import type { Deadline, Deadlines, Limited } from '../core/deadlines.ts'
import type { Clock } from '../core/ports.ts'
import type { Outbound, ReceiverReason, ReplySink, Sending } from '../core/receiver.ts'
import type { Endpoint } from './endpoint.ts'
import { towardsSender } from './headers.ts'
import type { HealthRules } from './health.ts'
import type { Breakage, ResponseSink, Sent } from './response-sink.ts'

export interface ExchangeTerms extends HealthRules {
  readonly clock: Clock
  /** The most that one delivery may take. */
  readonly deadlines: Deadlines
}

/** One delivery on its way to one of these endpoints, and the reply on its way back. Tells the sink one end, once. */
export class Exchange implements Sending, ResponseSink, Limited {
  readonly #outbound: Outbound
  readonly #sink: ReplySink
  readonly #endpoints: readonly Endpoint[]
  readonly #terms: ExchangeTerms
  #at = 0
  /** Is it the sender who does not read? */
  #waits = false
  #phase: 'connect' | 'head' | 'body' | 'over' = 'connect'
  #connection: Sent | undefined
  #deadline: Deadline | undefined

  constructor(outbound: Outbound, sink: ReplySink, endpoints: readonly Endpoint[], terms: ExchangeTerms) {
    this.#outbound = outbound
    this.#sink = sink
    this.#endpoints = endpoints
    this.#terms = terms
  }

  start(): void {
    this.#deadline = this.#terms.deadlines.begin(this)
    this.#dispatch()
  }

  resume(): void {
    this.#waits = false
    if (this.#phase !== 'over') this.#connection?.resume()
  }

  abort(): void {
    if (this.#over()) this.#connection?.abort()
  }

  get isWanted(): boolean {
    return this.#phase !== 'over'
  }

  written(connection: Sent): void {
    this.#phase = 'head'
    this.#connection = connection
  }

  head(status: number, fields: readonly string[]): 'go-on' | 'wait' {
    this.#phase = 'body'
    return this.#sink.head(status, towardsSender(status, fields))
  }

  data(chunk: Uint8Array): 'go-on' | 'wait' {
    if (this.#phase !== 'body') return 'go-on'
    const answer = this.#sink.data(chunk)
    this.#waits = answer === 'wait'
    return answer
  }

  complete(): void {
    if (!this.#over()) return
    this.#endpoint.health.succeeded()
    this.#sink.end()
  }

  broken(breakage: Breakage): void {
    if (this.#phase === 'over') return
    this.#noteFailure()
    // Not one byte was written: the next one may be asked.
    if (this.#phase === 'connect' && this.#at + 1 < this.#endpoints.length) {
      this.#at++
      return this.#dispatch()
    }
    this.#fail(this.#reason(breakage), breakage.code)
  }

  get #endpoint(): Endpoint {
    return this.#endpoints[this.#at] as Endpoint
  }

  #dispatch(): void {
    this.#endpoint.dispatch(this.#outbound, this)
  }

  timedOut(): void {
    // What came in time counts, though it was not looked at yet.
    this.#connection?.catchUp()
    if (this.#phase === 'over') return
    // A receiver whose answer is not read is in good health.
    if (!this.#waits) this.#noteFailure()
    this.#fail('receiver-timeout', this.#waits ? 'the sender does not read' : 'timeout')
    this.#connection?.abort()
  }

  #noteFailure(): void {
    this.#endpoint.health.failed(this.#terms.clock.monotonic(), this.#terms)
  }

  #fail(reason: ReceiverReason, error: string): void {
    const phase = this.#phase
    if (this.#over()) this.#sink.failed(reason, { error, phase })
  }

  /** True the first time. */
  #over(): boolean {
    if (this.#phase === 'over') return false
    this.#phase = 'over'
    if (this.#deadline !== undefined) this.#terms.deadlines.end(this.#deadline)
    return true
  }

  #reason({ kind, code }: Breakage): ReceiverReason {
    if (this.#phase === 'connect') return code === 'connect-timeout' ? 'receiver-timeout' : 'receiver-unavailable'
    return this.#phase === 'body' || kind === 'response' ? 'receiver-invalid' : 'receiver-unavailable'
  }
}
