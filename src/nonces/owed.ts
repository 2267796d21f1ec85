import { StoreUnavailable, type Outcome } from '../core/nonce.ts'
import type { Clock } from '../core/ports.ts'
import type { Milliseconds } from '../core/units.ts'
import type { Held } from './shared-claim.ts'

/** How long to let a journal alone that could not be written. */
const pause: Milliseconds = 100

/**
 * What receivers accepted and could not be written. Nothing new is let in meanwhile, for it could not be written either; whoever comes tries
 * again, and so does the clock.
 */
export class Owed {
  readonly #clock: Clock
  /** Writes these now; whatever was written is struck off by `settled`. */
  readonly #write: (owed: Iterable<readonly [Held, Outcome]>) => void
  readonly #owed = new Map<Held, Outcome>()
  #retryAt: Milliseconds = -Infinity
  #isOver = false

  constructor(clock: Clock, write: (owed: Iterable<readonly [Held, Outcome]>) => void) {
    this.#clock = clock
    this.#write = write
  }

  add(held: Held, outcome: Outcome): void {
    if (this.#owed.size === 0) this.#clock.after(pause, () => this.#retry())
    this.#owed.set(held, outcome)
    this.#retryAt = this.#clock.monotonic() + pause
  }

  settled(held: Held): void {
    if (this.#owed.size > 0) this.#owed.delete(held)
  }

  /** Returns where nothing is owed any more, and throws `StoreUnavailable` where something is. */
  pay(moment: Milliseconds): void {
    if (this.#owed.size === 0) return
    if (moment >= this.#retryAt) {
      this.#retryAt = moment + pause
      this.#write([...this.#owed])
    }
    if (this.#owed.size > 0) throw new StoreUnavailable('the nonce store cannot be written')
  }

  /** Nothing is tried any more. */
  end(): void {
    this.#isOver = true
  }

  #retry(): void {
    if (this.#isOver) return
    try {
      this.pay(this.#clock.monotonic())
    } catch {
      // Whoever claims meanwhile is told so.
      this.#clock.after(pause, () => this.#retry())
    }
  }
}
