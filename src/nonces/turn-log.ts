import { withCohort } from '../core/cohorts.ts'
import { StoreUnavailable } from '../core/nonce.ts'
import { Batch, type Told } from './batch.ts'
import type { EntryWriter } from './entry.ts'
import type { SharedLog } from './shared-log.ts'

/**
 * A journal that is shared, as it is told and read by one worker: what the deliveries of one turn of the event loop have to tell is
 * written in one piece, and what it came to is read in one.
 */
export class TurnLog {
  readonly #log: SharedLog
  readonly #batch = new Batch()

  constructor(log: SharedLog) {
    this.#log = log
  }

  /** How many entries wait for the end of the turn. */
  get waiting(): number {
    return this.#batch.size
  }

  /** Appends the entry in this writer by the end of the turn. `told` hears what it came to, or `StoreUnavailable` where that cannot be known. */
  tell(entry: EntryWriter, told: Told): void {
    if (this.#batch.isFull) this.flush()
    if (this.#batch.size === 0) withCohort('nonces', this.flush)
    this.#batch.add(entry.words, told)
  }

  /** Now, and not at the end of the turn. */
  readonly flush = (): void => {
    if (this.#batch.size === 0) return
    try {
      this.#log.tell(this.#batch)
    } catch (cause) {
      this.#batch.fail(unavailable(cause, 'written'))
    }
  }

  /** Takes in what was told until now, by us and by others. Throws `StoreUnavailable` where that cannot be known. */
  follow(): void {
    this.flush()
    try {
      this.#log.follow()
    } catch (cause) {
      throw unavailable(cause, 'read')
    }
  }

  close(): void {
    this.flush()
    this.#log.close()
  }
}

function unavailable(cause: unknown, done: 'read' | 'written'): StoreUnavailable {
  if (cause instanceof StoreUnavailable) return cause
  return new StoreUnavailable(`the nonce store could not be ${done}: ${String(cause)}`, { cause })
}
