import type { KeptSecrets } from './kept.ts'
import type { Instant, Milliseconds } from './units.ts'
import type { Reasons } from './verdict.ts'

/**
 * What makes a delivery unique. Derived from signed material only (DESIGN §5). Stores may keep the first 16 bytes of key
 * and print: what must be hard is to meet one given delivery (2^128), and who finds two of his own that meet (2^64) has
 * one of them refused.
 */
export interface Nonce {
  /** SHA-256 over route and signed id, or over route and signed material where no id is signed: 32 bytes. */
  readonly key: Uint8Array
  /** SHA-256 over the signed material: 32 bytes. Same key with another print: the same delivery, signed anew. */
  readonly print: Uint8Array
  /**
   * The last instant at which the timestamp check passes this delivery; undefined where no time is signed. A store
   * whose clock went back so far that it may have forgotten nonces of that time answers `StoreUnavailable`.
   */
  readonly passesUntil: Instant | undefined
}

/**
 * The memory of accepted deliveries. Atomic across everyone who shares the store. Throws `StoreUnavailable` when it
 * cannot know (down, slow, full): the caller refuses then. Answers at once where it can, so that the way of a delivery
 * need not wait for a turn of the event loop.
 */
export interface NonceStore {
  readonly claim: (nonce: Nonce, lease: Milliseconds) => Claimed | Promise<Claimed>
  /** Was it committed? Changes nothing, so it may be asked for whoever comes. A claim that stands counts as unknown. */
  readonly find: (nonce: Nonce) => Found | Promise<Found>
  /** Left out: this store keeps no secrets. */
  readonly kept?: KeptSecrets
  /** Does the memory of this process stand in for a shared one at this moment? Every record says so then. Left out: never. */
  readonly standsIn?: () => boolean
  /** The shared store alone, for what no memory of a single process may answer. Left out: nothing stands in for this store. */
  readonly withoutStandIn?: NonceStore
  /** Finishes what is under way, flushes and lets go. */
  readonly close: () => Promise<void>
}

export type Claimed = (Claim | InFlight | Committed) & {
  /** The shared store did not answer, and the memory of this process stood in for it: audited. */
  readonly standIn?: true
}

/** Ours: nobody else gets this nonce until we commit, release, or the lease lapses. */
export interface Claim {
  readonly state: 'claimed'
  /**
   * The receiver accepted. Resolves once the nonce outlives a kill -9 (and a restart) until `until`; false where the
   * lease had lapsed and another owner has it, which changes nothing for that owner. Throws `StoreUnavailable`.
   */
  readonly commit: (outcome: Outcome) => boolean | Promise<boolean>
  /** The receiver did not accept: the nonce is free again. False where the lease had lapsed. Throws `StoreUnavailable`. */
  readonly release: () => boolean | Promise<boolean>
  /** As in `Claimed`; and so it is said from a commit on that the memory of this process alone kept. */
  readonly standIn?: true
}

/** Another delivery with this nonce is on its way to the receiver. */
export interface InFlight { readonly state: 'in-flight' }

/** This nonce was accepted before. */
export interface Committed {
  readonly state: 'committed'
  /** The status that the receiver answered then. */
  readonly status: number
  /** `same`: the very material that was accepted then, again · `other`: the same signed id over other material. */
  readonly material: 'same' | 'other'
}

export type Found = Committed | { readonly state: 'unknown' }

export interface Outcome { readonly status: number; readonly until: Instant }

/** An `until` that never comes: as far as 48 bits of milliseconds go, the year 10889. */
export const forever: Instant = 2 ** 48 - 1

/** The store cannot know: refused with `store-unavailable`, never guessed. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

/** Raised where the store is asked (the replay check) and where it is told (after the receiver's answer). */
export const storeReasons = {
  'store-unavailable': { status: 503, title: 'The gateway cannot know whether this delivery is new', retryAfter: 5 },
} satisfies Reasons
