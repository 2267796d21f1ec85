import { LinkedList, type Linked } from './linked.ts'
import type { Cancel, Clock } from './ports.ts'
import type { Milliseconds } from './units.ts'

/** Who has so long and no longer. */
export interface Limited {
  /** Its time is up. */
  readonly timedOut: () => void
}

/** The time of one; by it, it is ended. */
export class Deadline implements Linked<Deadline> {
  before: Deadline | undefined
  after: Deadline | undefined
  readonly limited: Limited
  /** By the monotonic clock. */
  readonly at: Milliseconds

  constructor(limited: Limited, at: Milliseconds) {
    this.limited = limited
    this.at = at
  }
}

/**
 * Deadlines of one length for many: who begins first is over first, so one timer serves them all. A timer for each delivery
 * would be started and stopped for nothing nearly always.
 */
export class Deadlines {
  readonly #clock: Pick<Clock, 'after' | 'monotonic'>
  readonly #length: Milliseconds
  /** The one that began first comes first. */
  readonly #due = new LinkedList<Deadline>()
  #cancel: Cancel | undefined
  #isTelling = false

  constructor(length: Milliseconds, clock: Pick<Clock, 'after' | 'monotonic'>) {
    this.#length = length
    this.#clock = clock
  }

  /** From now on. */
  begin(limited: Limited): Deadline {
    const deadline = new Deadline(limited, this.#clock.monotonic() + this.#length)
    this.#due.append(deadline)
    this.#cancel ??= this.#clock.after(this.#length, this.#look)
    return deadline
  }

  /** In time. With the last one ends the timer. */
  end(deadline: Deadline): void {
    this.#due.remove(deadline)
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
      const { first } = this.#due
      this.#cancel = first === undefined ? undefined : this.#clock.after(first.at - this.#clock.monotonic(), this.#look)
    }
  }

  #tellThoseDue(now: Milliseconds): void {
    for (let { first } = this.#due; first !== undefined && first.at <= now; first = this.#due.first) {
      this.#due.remove(first)
      first.limited.timedOut()
    }
  }
}
