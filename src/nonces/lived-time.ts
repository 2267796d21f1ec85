import type { Clock } from '../core/ports.ts'
import type { Instant, Milliseconds } from '../core/units.ts'

/**
 * The time by which nonces expire: the monotonic clock, set by the slowest wall clock seen of late. It never runs ahead
 * of the wall clock, and never faster than time passes. So a wall clock that leaps forward ends no nonce early, and one
 * that steps back makes them live longer.
 *
 * "Of late": for as long as any nonce is kept, and up to twice that. Every nonce from before a leap has lived its
 * whole life by then, and the leap is believed.
 */
export class LivedTime {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  #longest: Milliseconds = 0
  /** Wall clock minus monotonic clock: the least of the span before this one, and of this one. */
  #before = Infinity
  #least = Infinity
  #since: Milliseconds

  constructor(clock: Pick<Clock, 'now' | 'monotonic'>) {
    this.#clock = clock
    this.#since = clock.monotonic()
  }

  now(): Instant {
    const monotonic = this.#clock.monotonic()
    const offset = this.#clock.now() - monotonic
    if (monotonic - this.#since > this.#longest) {
      this.#before = this.#least
      this.#least = offset
      this.#since = monotonic
    }
    if (offset < this.#least) this.#least = offset
    return monotonic + Math.min(this.#before, this.#least)
  }

  /** What another process of this start of the machine had lived through: its wall clock minus the monotonic clock. */
  learn(offset: Milliseconds): void {
    if (offset < this.#least) this.#least = offset
  }

  /** Something is kept from `now`, as just asked, until then. */
  keepUntil(until: Instant, now: Instant): void {
    this.#longest = Math.max(this.#longest, until - now)
  }
}
