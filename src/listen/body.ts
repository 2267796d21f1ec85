import type { BodyFault } from '../core/delivery.ts'
import type { Cancel, Clock } from '../core/ports.ts'
import type { Bytes, Milliseconds } from '../core/units.ts'
import type { Framing } from '../http1/body-decoder.ts'
import { Gathered } from './gathered.ts'
import type { BodySink } from './request-body.ts'

/** How bodies are read: raw, once, under a hard cap, within a time, out of one budget for all deliveries. */
export interface BodyRules {
  readonly timeout: Milliseconds
  /** The least that it brings in a second, after `settlingIn`; 0: only the time-out holds. */
  readonly rate: Bytes
  readonly clock: Clock
  readonly budget: BodyBudget
}

/** The bytes that bodies hold at one time, over all deliveries. */
export class BodyBudget {
  readonly #most: Bytes
  #held: Bytes = 0

  constructor(most: Bytes) {
    this.#most = most
  }

  /** False where it would be too much; nothing is taken then. */
  take(bytes: Bytes): boolean {
    if (this.#held + bytes > this.#most) return false
    this.#held += bytes
    return true
  }

  give(bytes: Bytes): void {
    this.#held -= bytes
  }

  get held(): Bytes {
    return this.#held
  }
}

/** What a body is read from. */
export interface BodySource {
  readonly framing: Framing
  readonly expectsContinue: boolean
  readonly body: { readonly isOver: boolean; readonly flowTo: (sink: BodySink) => void }
  readonly reply: { readonly writeContinue: () => void }
}

/** A body may begin as slowly as it likes: a lost packet is not a slow sender. */
const settlingIn: Milliseconds = 5_000

const empty: Uint8Array = new Uint8Array(0)

/**
 * Reads a request's body. What it holds stays taken from the budget until `release`. A length that is announced too
 * large is refused before anything is read, and before a sender that waits for `100 Continue` is told to go on.
 */
export class BodyReader implements BodySink {
  readonly #source: BodySource
  readonly #rules: BodyRules
  #gathered = new Gathered()
  #taken: Bytes = 0
  #cap: Bytes = 0
  #outcome: Uint8Array | BodyFault | undefined
  #tell: ((outcome: Uint8Array | BodyFault) => void) | undefined
  #stop: Cancel = () => {}

  constructor(source: BodySource, rules: BodyRules) {
    this.#source = source
    this.#rules = rules
  }

  /** Every byte of the body, or why there is none. Never rejects. To be called once. */
  read(cap: Bytes): Uint8Array | BodyFault | Promise<Uint8Array | BodyFault> {
    const { framing, body, expectsContinue, reply } = this.#source
    if (body.isOver) return empty
    const announced = typeof framing === 'number' ? framing : 0
    if (announced > cap) return { fault: 'too-large' }
    if (!this.#take(announced)) return { fault: 'overloaded' }
    this.#cap = cap
    if (expectsContinue) reply.writeContinue()
    body.flowTo(this)
    return this.#outcome ?? this.#await()
  }

  /** Gives back what the body held. */
  release(): void {
    this.#rules.budget.give(this.#taken)
    this.#taken = 0
    this.#gathered = new Gathered()
  }

  data(part: Buffer): void {
    if (this.#outcome !== undefined) return
    const fault = this.#add(part)
    if (fault !== undefined) this.#settle(fault)
  }

  end(): void {
    if (this.#outcome === undefined) this.#settle(this.#gathered.whole())
  }

  broken(): void {
    if (this.#outcome === undefined) this.#settle({ fault: 'incomplete' })
  }

  #await(): Promise<Uint8Array | BodyFault> {
    this.#watch(this.#rules.clock.monotonic())
    return new Promise((resolve) => { this.#tell = resolve })
  }

  #settle(outcome: Uint8Array | BodyFault): void {
    this.#outcome = outcome
    this.#stop()
    this.#tell?.(outcome)
  }

  /** Sleeps until the body would be too late or too slow if nothing more came, and then looks again. */
  #watch(started: Milliseconds): void {
    const { clock, timeout, rate } = this.#rules
    const slow = rate === 0 ? timeout : settlingIn + (this.#gathered.length / rate) * 1_000
    const left = started + Math.min(timeout, slow) - clock.monotonic()
    if (left <= 0) return this.#settle({ fault: 'timeout' })
    this.#stop = clock.after(left, () => this.#watch(started))
  }

  #add(part: Uint8Array): BodyFault | undefined {
    const length = this.#gathered.length + part.length
    if (length > this.#cap) return { fault: 'too-large' }
    if (length > this.#taken && !this.#take(length - this.#taken)) return { fault: 'overloaded' }
    this.#gathered.add(part, this.#taken)
    return undefined
  }

  #take(bytes: Bytes): boolean {
    if (!this.#rules.budget.take(bytes)) return false
    this.#taken += bytes
    return true
  }
}
