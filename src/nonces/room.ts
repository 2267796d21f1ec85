import { StoreUnavailable } from '../core/nonce.ts'
import type { Instant, Milliseconds } from '../core/units.ts'
import type { NonceTable } from './table.ts'

/** How long to let a store alone that was found full everywhere. */
const pause: Milliseconds = 100
/** How many parts of the table one claim may go through for room: some milliseconds of the largest. */
const sweptAtOnce = 4

/** Room for so many nonces, claimed and accepted together. Past it new ones are refused; none that is live is evicted. */
export class Room {
  readonly #capacity: number
  #swept = 0
  #sweepAt: Milliseconds = -Infinity

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  isFull(table: NonceTable, claims: number): boolean {
    return table.size + claims >= this.#capacity
  }

  /** May it be looked through for what has expired, or was that done a moment ago? */
  isDue(moment: Milliseconds): boolean {
    return moment >= this.#sweepAt
  }

  /** Where it is full, one part after the other is rid of what had expired by now; after each round there is a pause. Throws `StoreUnavailable` where that made no room. */
  make(table: NonceTable, claims: number, { now, moment }: { readonly now: Instant; readonly moment: Milliseconds }): void {
    for (let parts = 0; parts < sweptAtOnce && this.isDue(moment); parts++) {
      table.sweep(now)
      if (!this.isFull(table, claims)) return
      this.#swept = (this.#swept + 1) % table.partCount
      if (this.#swept === 0) this.#sweepAt = moment + pause
    }
    throw new StoreUnavailable(`the nonce store is full: ${this.#capacity} nonces are live`)
  }
}
