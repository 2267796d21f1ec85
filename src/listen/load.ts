import type { Cancel, Clock } from '../core/ports.ts'
import type { Instant, Milliseconds } from '../core/units.ts'

export interface LoadLimits {
  /** Deliveries under way at one time. */
  readonly inFlight: number
  /** How late the event loop may be. */
  readonly eventLoopDelay: Milliseconds
}

/** Why nothing more is taken on for now. */
export type Busy = 'in-flight' | 'event-loop'

const interval: Milliseconds = 100

/**
 * How much is going on: deliveries under way, and how late the event loop is. Whoever comes on top is told to come again
 * while that is still cheap; a queue that only grows serves nobody. Late is who was late twice in a row: one long turn (a
 * reload, a collection of garbage) is no overload.
 */
export class Load {
  readonly #clock: Clock
  #limits: LoadLimits
  #inFlight = 0
  #due: Instant
  #last: Milliseconds = 0
  #delay: Milliseconds = 0
  #cancel: Cancel

  constructor(limits: LoadLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#due = clock.monotonic() + interval
    this.#cancel = clock.after(interval, () => this.#sample())
  }

  change(limits: LoadLimits): void {
    this.#limits = limits
  }

  /** Why no delivery may begin; undefined where one may. */
  get busy(): Busy | undefined {
    if (this.#inFlight >= this.#limits.inFlight) return 'in-flight'
    return this.isLate ? 'event-loop' : undefined
  }

  get isLate(): boolean {
    return this.#delay > this.#limits.eventLoopDelay
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** The lesser of the last two delays of the event loop. */
  get delay(): Milliseconds {
    return this.#delay
  }

  begin(): void {
    this.#inFlight++
  }

  end(): void {
    this.#inFlight--
  }

  stop(): void {
    this.#cancel()
  }

  #sample(): void {
    const now = this.#clock.monotonic()
    const late = now - this.#due
    this.#delay = Math.min(late, this.#last)
    this.#last = late
    this.#due = now + interval
    this.#cancel = this.#clock.after(interval, () => this.#sample())
  }
}
