import type { Cancel, Clock } from './ports.ts'
import type { Milliseconds } from './units.ts'

/** Who has so long and no longer. */
export interface Limited {
  /** Its time is up. */
  readonly timedOut: () => void
}

/**
 * Deadlines of one length for many: who begins first is over first, so one timer serves them all. A timer for each delivery
 * would be started and stopped for nothing nearly always.
 */
export class Deadlines {
  readonly #clock: Pick<Clock, 'after' | 'monotonic'>
  readonly #length: Milliseconds
  /** When each is due, by the monotonic clock; the one that began first comes first. */
  readonly #due = new Map<Limited, Milliseconds>()
  #cancel: Cancel | undefined
  #isTelling = false

  constructor(length: Milliseconds, clock: Pick<Clock, 'after' | 'monotonic'>) {
    this.#length = length
    this.#clock = clock
  }

  /** From now on; to be called once for each. */
  begin(limited: Limited): void {
    this.#due.set(limited, this.#clock.monotonic() + this.#length)
    this.#cancel ??= this.#clock.after(this.#length, this.#look)
  }

  /** In time. With the last one ends the timer. */
  end(limited: Limited): void {
    this.#due.delete(limited)
    if (this.#due.size > 0 || this.#isTelling) return
    this.#cancel?.()
    this.#cancel = undefined
  }

  readonly #look = (): void => {
    this.#isTelling = true
    try {
      this.#tellThoseDue(this.#clock.monotonic())
    } finally {
      this.#isTelling = false
      const [next] = this.#due.values()
      this.#cancel = next === undefined ? undefined : this.#clock.after(next - this.#clock.monotonic(), this.#look)
    }
  }

  #tellThoseDue(now: Milliseconds): void {
    for (const [limited, due] of this.#due) {
      if (due > now) return
      this.#due.delete(limited)
      limited.timedOut()
    }
  }
}
