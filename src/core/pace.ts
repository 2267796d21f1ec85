import type { Milliseconds } from './units.ts'

/** So many in such a time, for each key; all of them may come at once. */
export interface PaceLimit {
  /** 1 to 100,000: more could not be counted exactly. */
  readonly count: number
  readonly per: Milliseconds
}

/**
 * Holds each key to its pace: the leaky bucket as a meter (ITU-T I.371, GCRA), one number a key. Bounded: once it knows
 * `most` keys, the one that came longest ago is forgotten, and its pace begins anew. Nobody is locked out by strangers
 * who fill the memory; who has that many keys to come from was not held by one of them anyway.
 */
export class Pace {
  readonly #limit: PaceLimit
  readonly #most: number
  /** When a key's bucket will be empty, in milliseconds times `count`, so that every step is a whole number. */
  readonly #emptyAt = new Map<string, number>()

  constructor(limit: PaceLimit, most = 65_536) {
    this.#limit = limit
    this.#most = most
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#emptyAt.size
  }

  /** Takes one for this key, and answers 0; or how long until one may be taken. `now` is monotonic. */
  take(key: string, now: Milliseconds): Milliseconds {
    const { count, per } = this.#limit
    const present = Math.floor(now) * count
    const full = Math.max(this.#emptyAt.get(key) ?? 0, present)
    const over = full - present - per * (count - 1)
    if (over > 0) return over / count
    this.#emptyAt.delete(key)
    if (this.#emptyAt.size >= this.#most) this.#forgetOldest()
    this.#emptyAt.set(key, full + per)
    return 0
  }

  #forgetOldest(): void {
    for (const oldest of this.#emptyAt.keys()) {
      this.#emptyAt.delete(oldest)
      return
    }
  }
}
