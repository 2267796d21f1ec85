import { originOf } from '../addresses/origin.ts'
import type { Address } from '../core/delivery.ts'
import { Pace } from '../core/pace.ts'
import type { Clock } from '../core/ports.ts'

/** How many may be connected, and how fast they may come. */
export interface ConnectionLimits {
  /** Connections in all, those whose sender is not known yet included. */
  readonly total: number
  /** Connections of one address (IPv6: of one /64). */
  readonly perAddress: number
  /** New connections of one address in a second, each of them a handshake; undefined: as many as it likes. */
  readonly newPerSecond: number | undefined
}

/** Why a connection is turned away before its handshake. */
export type TurnedAway = 'overloaded' | 'rate-limited'

/** A place that was taken; it is given back once, when the connection is gone. */
export interface Place {
  /** Counts the sender, once its address is known. The place in all stays taken whatever the answer is. */
  readonly settle: (from: Address) => TurnedAway | 'admitted'
  readonly leave: () => void
}

/**
 * Counts connections: in all from the moment they are accepted, and by address from the moment it is known, which a
 * PROXY header may only tell later. A greedy address is turned away before it costs a handshake.
 */
export class Connections {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #isLate: () => boolean
  #limits: ConnectionLimits
  #pace: Pace | undefined
  readonly #byOrigin = new Map<string, number>()
  #total = 0

  /** `isLate`: is there more to do already than can be done in time? A handshake is the dearest thing of all. */
  constructor(limits: ConnectionLimits, clock: Pick<Clock, 'monotonic'>, isLate = () => false) {
    this.#limits = limits
    this.#clock = clock
    this.#isLate = isLate
    this.#pace = paceOf(limits)
  }

  /** From now on; whoever is in stays in. */
  change(limits: ConnectionLimits): void {
    if (limits.newPerSecond !== this.#limits.newPerSecond) this.#pace = paceOf(limits)
    this.#limits = limits
  }

  get open(): number {
    return this.#total
  }

  /** A place for a connection that was just accepted, or `overloaded`. */
  enter(): Place | 'overloaded' {
    if (this.#total >= this.#limits.total || this.#isLate()) return 'overloaded'
    this.#total++
    let origin: string | undefined
    let left = false
    const settle: Place['settle'] = (from) => {
      const key = originOf(from)
      const answer = this.#count(key)
      if (answer === 'admitted') origin = key
      return answer
    }
    const leave = (): void => {
      if (left) return
      left = true
      this.#total--
      if (origin !== undefined) this.#discount(origin)
    }
    return { settle, leave }
  }

  #count(origin: string): TurnedAway | 'admitted' {
    const count = this.#byOrigin.get(origin) ?? 0
    if (count >= this.#limits.perAddress) return 'rate-limited'
    if (this.#pace !== undefined && this.#pace.take(origin, this.#clock.monotonic()) > 0) return 'rate-limited'
    this.#byOrigin.set(origin, count + 1)
    return 'admitted'
  }

  #discount(origin: string): void {
    const count = this.#byOrigin.get(origin) ?? 0
    if (count > 1) this.#byOrigin.set(origin, count - 1)
    else this.#byOrigin.delete(origin)
  }
}

function paceOf({ newPerSecond }: ConnectionLimits): Pace | undefined {
  return newPerSecond === undefined ? undefined : new Pace({ count: newPerSecond, per: 1_000 })
}
