import type { KeptSecrets } from '../core/kept.ts'
import { StoreUnavailable, type Claimed, type Committed, type Found, type Nonce, type NonceStore, type Outcome } from '../core/nonce.ts'
import type { Clock } from '../core/ports.ts'
import type { Instant, Milliseconds } from '../core/units.ts'
import { Claims } from './claims.ts'
import { LivedTime } from './lived-time.ts'
import { recordWords, writeNonce, writeOutcome } from './record.ts'
import type { Replica } from './replica.ts'
import { Room } from './room.ts'
import { SettledOnce } from './settled-once.ts'
import { NonceTable, type Entry } from './table.ts'

export interface LedgerParts {
  readonly clock: Clock
  /** The most nonces that are held, claimed and committed together. Past it new ones are refused; none is ever evicted. */
  readonly capacity: number
  /** Puts a record where it outlives the process. Throws where it cannot. Left out: nothing outlives the process. */
  readonly keep?: (record: Uint32Array, now: Instant) => void
  readonly close?: () => Promise<void>
  readonly kept?: KeptSecrets
  /** What an earlier run left: what it accepted, and what of it may still be under way. */
  readonly restored?: Replica
}

/** How long to let a store alone that failed to keep a record. */
const pause: Milliseconds = 100

const inFlight = Object.freeze({ state: 'in-flight' })

/**
 * The state machine of docs/replay.md in one process's memory: absent → claimed → committed | absent. Claims stand in
 * memory (claims.ts), committed nonces in a table of plain words. Leases run on the monotonic clock.
 */
export class Ledger implements NonceStore {
  readonly kept?: KeptSecrets
  readonly table: NonceTable
  readonly #parts: LedgerParts
  readonly #lived: LivedTime
  readonly #claims = new Claims<Held>()
  readonly #room: Room
  /** What an earlier run had under way: nobody is there to settle it. */
  readonly #nobodys: readonly Held[]
  /** Accepted by the receiver, but not kept yet: what failed to be written. In flight for everyone until it is. */
  readonly #owed = new Map<Held, Uint32Array>()
  readonly #scratch = new Uint32Array(recordWords)
  #retryAt: Milliseconds = -Infinity
  /** The latest time of a claim: what had ended for it has ended for all that come later, wherever the clock is set. */
  #claimedAt: Instant = 0
  #closing: Promise<void> | undefined
  #isClosed = false
  #whenSettled: (() => void) | undefined

  constructor(parts: LedgerParts) {
    this.#parts = parts
    if (parts.kept !== undefined) this.kept = parts.kept
    this.#room = new Room(parts.capacity)
    const { restored } = parts
    this.table = restored?.table ?? new NonceTable(parts.capacity)
    this.#lived = restored?.lived ?? new LivedTime()
    this.#nobodys = (restored?.claims.all() ?? []).map((holder) => new Held(this, keyOnly(holder.key()), holder.ends))
    for (const held of this.#nobodys) this.#claims.add(held)
  }

  claim(nonce: Nonce, lease: Milliseconds): Claimed {
    if (this.#closing !== undefined) throw new StoreUnavailable('the nonce store is closed')
    const moment = this.#parts.clock.monotonic()
    if (this.#owed.size > 0) this.#payOwed(moment)
    if (nonce.passesUntil !== undefined && nonce.passesUntil <= this.table.forgotten) {
      throw new StoreUnavailable('the clock went back to a time whose nonces are forgotten')
    }
    const found = this.#look(nonce, moment)
    return found === undefined ? this.#take(nonce, moment, lease) : committed(found)
  }

  find(nonce: Nonce): Found {
    if (this.#closing !== undefined) throw new StoreUnavailable('the nonce store is closed')
    const found = this.#look(nonce, this.#parts.clock.monotonic())
    return found === undefined ? { state: 'unknown' } : committed(found)
  }

  commit(held: Held, outcome: Outcome): boolean {
    if (this.#isClosed) throw new StoreUnavailable('the nonce store is closed')
    const current = this.#claims.find(held.nonce)
    if (current !== undefined && current !== held) return false
    const record = this.#scratch
    const now = this.#now(this.#parts.clock.monotonic())
    writeNonce(record, held.nonce)
    writeOutcome(record, outcome)
    if (current === undefined && this.table.find(record, now) !== undefined) return false
    this.#lived.keepUntil(outcome.until)
    try {
      this.#settle(held, record, now)
    } catch (cause) {
      this.#owe(held, record.slice())
      throw new StoreUnavailable('the nonce store could not be written', { cause })
    }
    return true
  }

  release(held: Held): boolean {
    if (this.#claims.find(held.nonce) !== held) return false
    this.#drop(held)
    return held.stands(this.#parts.clock.monotonic())
  }

  /** Nothing new is claimed; what is claimed may still be settled, for as long as its lease. */
  close(): Promise<void> {
    this.#closing ??= this.#settled().then(() => {
      this.#isClosed = true
      return this.#parts.close?.()
    })
    return this.#closing
  }

  #now(moment: Milliseconds): Instant {
    return this.#lived.see(this.#parts.clock.now(), moment)
  }

  #look(nonce: Nonce, moment: Milliseconds): Entry | undefined {
    writeNonce(this.#scratch, nonce)
    return this.table.find(this.#scratch, Math.max(this.#now(moment), this.#claimedAt))
  }

  #settled(): Promise<void> {
    const { clock } = this.#parts
    for (const held of this.#nobodys) this.#claims.delete(held)
    const ends = this.#claims.all().map((held) => (held.ends === Infinity ? 0 : held.ends))
    if (ends.length === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#whenSettled = resolve
      clock.after(Math.max(0, ...ends.map((end) => end - clock.monotonic())), resolve)
    })
  }

  #take(nonce: Nonce, moment: Milliseconds, lease: Milliseconds): Claimed {
    const holder = this.#claims.find(nonce)
    if (holder?.stands(moment) === true) return inFlight as Claimed
    if (holder !== undefined) this.#claims.delete(holder)
    this.#dropLapsed(moment)
    const now = this.#now(moment)
    if (this.#room.isFull(this.table, this.#claims.size)) this.#room.make(this.table, this.#claims.size, { now, moment })
    this.#claimedAt = Math.max(this.#claimedAt, now)
    const held = new Held(this, nonce, moment + lease)
    this.#claims.add(held)
    return held
  }

  /** Claims whose owner was never heard of again: oldest first, up to the first that stands. */
  #dropLapsed(moment: Milliseconds): void {
    for (let held = this.#claims.oldest(); held !== undefined && !held.stands(moment); held = this.#claims.oldest()) this.#claims.delete(held)
  }

  #settle(held: Held, record: Uint32Array, now: Instant): void {
    this.#parts.keep?.(record, now)
    this.table.put(record, now)
    this.#drop(held)
  }

  #drop(held: Held): void {
    this.#claims.delete(held)
    if (this.#claims.size === 0) this.#whenSettled?.()
  }

  #owe(held: Held, record: Uint32Array): void {
    held.ends = Infinity
    if (this.#claims.find(held.nonce) === undefined) this.#claims.add(held)
    this.#owed.set(held, record)
    this.#retryAt = this.#parts.clock.monotonic() + pause
  }

  /** Nothing new is let in while something accepted is not kept: it could not be kept either. */
  #payOwed(moment: Milliseconds): void {
    if (moment < this.#retryAt) throw new StoreUnavailable('the nonce store cannot be written')
    try {
      for (const [held, record] of this.#owed) {
        this.#settle(held, record, this.#now(moment))
        this.#owed.delete(held)
      }
    } catch (cause) {
      this.#retryAt = moment + pause
      throw new StoreUnavailable('the nonce store still cannot be written', { cause })
    }
  }
}

/** One claim. Being this very object is what fences: whoever took over put another in its place. */
class Held extends SettledOnce<boolean> {
  readonly nonce: Nonce
  /** By the monotonic clock. */
  ends: Milliseconds
  readonly #ledger: Ledger

  constructor(ledger: Ledger, nonce: Nonce, ends: Milliseconds) {
    super()
    this.#ledger = ledger
    this.nonce = nonce
    this.ends = ends
  }

  stands(moment: Milliseconds): boolean {
    return moment < this.ends
  }

  protected override keep(outcome: Outcome): boolean {
    return this.#ledger.commit(this, outcome)
  }

  protected override giveBack(): boolean {
    return this.#ledger.release(this)
  }
}

function committed({ status, material }: Entry): Committed {
  return { state: 'committed', status, material }
}

/** Of a claim in a journal the key is all there is. */
function keyOnly(key: Uint8Array): Nonce {
  return { key, print: new Uint8Array(0), passesUntil: undefined }
}
