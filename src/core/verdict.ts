import type { Signed } from './delivery.ts'
import type { Claim } from './nonce.ts'
import type { Instant } from './units.ts'

/** What was looked at, for audit and `explain`. Never a secret, a signature or a body. */
export type Facts = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

/** What a passed question adds to what is known. */
export interface Gain {
  readonly body?: Uint8Array
  readonly signed?: Signed
  /** Who sent, as this question proved it: goes to the receiver as `Sallyport-Sender`. The first proof of a delivery stands. */
  readonly sender?: string
  readonly claim?: Claim
  /** Until when a committed claim is kept; comes with `claim`. */
  readonly until?: Instant
  /** The delivery is answered here and now and does not reach the receiver: a challenge, or an acknowledged replay. */
  readonly answer?: Answer
  /** What must stand in the audit record of a delivery that passes, too. */
  readonly note?: Facts
}

/** A whole response that the gateway gives itself. */
export interface Answer {
  readonly status: number
  /** name, value, name, value … */
  readonly headers: readonly string[]
  readonly body: Uint8Array
  /** Why the receiver was not asked; stands in the audit record. */
  readonly because: 'challenge' | 'duplicate' | 'replayed'
}

export type Verdict<R extends string = string> = Pass | Refuse<R>

export interface Pass {
  readonly verdict: 'pass'
  readonly facts: Facts
  readonly gain: Gain
}

export interface Refuse<R extends string = string> {
  readonly verdict: 'refuse'
  readonly reason: R
  readonly facts: Facts
  /** Seconds for `Retry-After` in place of the row's, where only the question knows when coming again makes sense. */
  readonly retryAfter?: number
}

const nothing = Object.freeze({})
const plainPass: Pass = Object.freeze({ verdict: 'pass', facts: nothing, gain: nothing })

export function pass(facts?: Facts, gain?: Gain): Pass {
  if (facts === undefined && gain === undefined) return plainPass
  return { verdict: 'pass', facts: facts ?? nothing, gain: gain ?? nothing }
}

export function refuse<R extends string>(reason: R, facts: Facts = nothing): Refuse<R> {
  return { verdict: 'refuse', reason, facts }
}

/** How a reason looks from outside. The title is for people outside; facts stay inside. */
export interface ReasonRow {
  /** HTTP status; 0 where no HTTP answer is possible any more (the connection is dropped). */
  readonly status: number
  readonly title: string
  /** Seconds for `Retry-After`, where coming again makes sense. */
  readonly retryAfter?: number
  /** Further header lines of the refusal, where HTTP asks for them (`Allow`, `WWW-Authenticate`): name, value … */
  readonly headers?: readonly string[]
}
export type Reasons<R extends string = string> = Readonly<Record<R, ReasonRow>>
