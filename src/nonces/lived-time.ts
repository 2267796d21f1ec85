import { forever } from '../core/nonce.ts'
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
  #longest: Milliseconds = 0
  /** Wall clock minus monotonic clock: the least of the span before this one, and of this one. */
  #before = Infinity
  #least = Infinity
  #since: Milliseconds | undefined
  #last: Instant = 0

  /** What `see` would give for these two clocks. */
  at(now: Instant, moment: Milliseconds): Instant {
    return moment + Math.min(this.#isOver(moment) ? Infinity : this.#before, this.#least, now - moment)
  }

  /** The wall clock, and the monotonic clock at the same moment. */
  see(now: Instant, moment: Milliseconds): Instant {
    this.#last = this.at(now, moment)
    const offset = now - moment
    if (this.#isOver(moment)) {
      this.#before = this.#least
      this.#least = offset
      this.#since = moment
    }
    if (offset < this.#least) this.#least = offset
    this.#since ??= moment
    return this.#last
  }

  /** Something is kept from the time that was last seen until then. What is kept forever has no end that a clock could move. */
  keepUntil(until: Instant): void {
    if (until < forever) this.#longest = Math.max(this.#longest, until - this.#last)
  }

  /** The machine was started anew: the monotonic clock counts from another zero. What is kept is kept for as long. */
  reboot(): void {
    this.#before = Infinity
    this.#least = Infinity
    this.#since = undefined
  }

  #isOver(moment: Milliseconds): boolean {
    return this.#since !== undefined && moment - this.#since > this.#longest
  }
}
