import { writeSync } from 'node:fs'
import type { KeptSecrets } from '../core/kept.ts'
import { LinkedList } from '../core/linked.ts'
import { StoreUnavailable, type Claimed, type Found, type Nonce, type NonceStore, type Outcome } from '../core/nonce.ts'
import type { Clock, Random } from '../core/ports.ts'
import type { Instant, Milliseconds } from '../core/units.ts'
import { EntryWriter, newOwner, type Stamp } from './entry.ts'
import { fileCapacity } from './file.ts'
import { thisBoot } from './header.ts'
import { fileKept } from './kept-file.ts'
import { Owed } from './owed.ts'
import { recordWords, writeNonce } from './record.ts'
import { Replica, type Verdict } from './replica.ts'
import { Room } from './room.ts'
import { segmentBytes } from './segment.ts'
import { Answering, claimedOf, Held, type Settles } from './shared-claim.ts'
import { SharedLog, type SharedLogParts } from './shared-log.ts'
import { TurnLog } from './turn-log.ts'

export interface SharedStoreTools {
  readonly clock: Clock
  readonly random: Random
  readonly capacity?: number
  readonly append?: SharedLogParts['append']
  readonly fill?: SharedLogParts['fill']
}

/**
 * Files are followed by others before they are as large as they may be: each of 256 workers may put 64 entries and a seal behind that, before it
 * has read how long the file is.
 */
const usualFill = { bytes: segmentBytes - 2 * 1024 * 1024, age: 3_600_000 }
/** How often a worker that has nothing to do looks at what others wrote, so that it has not much to read when it has. */
const glance: Milliseconds = 1_000
/** A clock that got ahead of the last entry by so much has leaped, or this process has not read for long. */
const leap: Milliseconds = 1_000

/**
 * `file:` as each of several workers has it open: every worker appends to the journal and reads what all others wrote, so
 * nobody has to be asked. `run`: which run of the gateway has the directory (`shareDirectory`). Throws `StoreUnavailable`
 * where that is over.
 */
export function joinDirectory(directory: string, run: string, tools: SharedStoreTools): NonceStore {
  return new SharedStore(directory, run, tools)
}

class SharedStore implements NonceStore, Settles {
  readonly kept: KeptSecrets
  readonly #clock: Clock
  readonly #room: Room
  readonly #log: TurnLog
  readonly #replica: Replica
  readonly #writer: EntryWriter
  readonly #record = new Uint32Array(recordWords)
  readonly #held = new LinkedList<Held>()
  readonly #owed: Owed
  /** What had ended before this process read the journal may be missing in it. */
  readonly #forgotten: Instant
  #claims = 0
  #closing: Promise<void> | undefined
  #isClosed = false
  #whenSettled: (() => void) | undefined

  constructor(directory: string, run: string, { clock, random, capacity = fileCapacity, append = writeSync, fill = usualFill }: SharedStoreTools) {
    const owner = newOwner(random)
    const origin = { run, boot: thisBoot(run), writers: 'shared' } as const
    this.kept = fileKept(directory)
    this.#clock = clock
    this.#owed = new Owed(clock, (owed) => this.#pay(owed))
    this.#room = new Room(capacity)
    this.#writer = new EntryWriter(owner)
    this.#replica = new Replica(capacity)
    this.#log = new TurnLog(new SharedLog({ directory, clock, random, origin, owner, replica: this.#replica, fill, append }))
    this.#forgotten = this.#replica.time
    this.#glance()
  }

  claim(nonce: Nonce, lease: Milliseconds): Claimed | Promise<Claimed> {
    if (this.#closing !== undefined) throw new StoreUnavailable('the nonce store is closed')
    const moment = this.#clock.monotonic()
    this.#owed.pay(moment)
    this.#refuseForgotten(nonce)
    const wall = this.#clock.now()
    const now = this.#livedNow(wall, moment)
    const known = this.#look(nonce, { now, moment })
    if (known !== 'yes') return claimedOf(known)
    const ends = moment + lease
    const stamp = { now, wall, moment, ends }
    this.#refuseFull(stamp)
    const number = this.#claims = (this.#claims + 1) >>> 0
    const claiming = new Answering((verdict) => this.#claimed(verdict, new Held(this, nonce, number, ends), stamp), nothing)
    this.#log.tell(this.#writer.claim(number, nonce, stamp), claiming)
    return claiming.promise
  }

  #claimed(verdict: Verdict, held: Held, time: Time): Claimed {
    if (verdict !== 'yes') return claimedOf(this.#again(verdict, held.nonce, time))
    this.#held.append(held)
    return held
  }

  /** What others accepted is read first. */
  find(nonce: Nonce): Found {
    if (this.#closing !== undefined) throw new StoreUnavailable('the nonce store is closed')
    this.#log.follow()
    writeNonce(this.#record, nonce)
    const now = this.#replica.lived.at(this.#clock.now(), this.#clock.monotonic())
    const found = this.#replica.table.find(this.#record, Math.max(now, this.#replica.time))
    return found === undefined ? { state: 'unknown' } : { state: 'committed', status: found.status, material: found.material }
  }

  commit(held: Held, outcome: Outcome): Promise<boolean> {
    if (this.#isClosed) throw new StoreUnavailable('the nonce store is closed')
    const committing = new Answering((verdict) => this.#settle(held, verdict), () => this.#owed.add(held, outcome))
    this.#log.tell(this.#writer.commit(held.number, held.nonce, outcome), committing)
    return committing.promise
  }

  /** Where it cannot be written, the claim ends with its lease. */
  release(held: Held): Promise<boolean> {
    if (this.#isClosed) throw new StoreUnavailable('the nonce store is closed')
    const releasing = new Answering((verdict) => this.#settle(held, verdict), () => this.#drop(held))
    this.#log.tell(this.#writer.release(held.number, held.nonce, this.#clock.monotonic()), releasing)
    return releasing.promise
  }

  /** Nothing new is claimed; what is claimed may still be settled, for as long as its lease. */
  close(): Promise<void> {
    this.#closing ??= this.#settled().then(() => {
      this.#log.close()
      this.#owed.end()
      this.#isClosed = true
    })
    return this.#closing
  }

  /**
   * Has it been accepted, or is it under way? What others wrote is read before somebody is told so: a claim may be over by now, and what
   * was accepted may have ended by another's clock and been claimed anew.
   */
  #look(nonce: Nonce, time: Time): Verdict {
    const known = this.#knownOf(nonce, time)
    if (known === 'yes') return known
    this.#log.follow()
    return this.#knownOf(nonce, time)
  }

  #knownOf(nonce: Nonce, time: Time): Verdict {
    writeNonce(this.#record, nonce)
    return this.#replica.look(this.#record, time)
  }

  /** An entry says what was accepted; whether the same material was, is told by the nonce in hand. */
  #again(verdict: Exclude<Verdict, 'yes'>, nonce: Nonce, time: Time): Exclude<Verdict, 'yes'> {
    if (typeof verdict !== 'object') return verdict
    const known = this.#knownOf(nonce, time)
    return known === 'yes' ? 'in-flight' : known
  }

  #refuseForgotten({ passesUntil }: Nonce): void {
    const forgotten = Math.max(this.#forgotten, this.#replica.table.forgotten)
    if (passesUntil !== undefined && passesUntil <= forgotten) throw new StoreUnavailable('the clock went back to a time whose nonces are forgotten')
  }

  /** Time stands in entries, and where nothing is let in nobody would tell how late it is: then nothing would ever end. */
  #refuseFull(stamp: Stamp): void {
    const { table, claims } = this.#replica
    if (!this.#room.isFull(table, claims.size + this.#log.waiting)) return
    if (this.#room.isDue(stamp.moment) && this.#replica.time < Math.floor(stamp.now)) this.#tellTime(stamp)
    this.#room.make(table, claims.size + this.#log.waiting, { now: this.#replica.time, moment: stamp.moment })
  }

  /** By a claim of nothing that ends as it begins. */
  #tellTime(stamp: Stamp): void {
    this.#log.tell(this.#writer.claim(0, nobodys, { ...stamp, ends: stamp.moment }), { decided: nothing, failed: nothing })
    this.#log.flush()
  }

  /**
   * What this process's clocks say, as far as all that claimed have lived it through. Before a leap is believed everything that is
   * written is read: another's nonce may be too young for it.
   */
  #livedNow(wall: Instant, moment: Milliseconds): Instant {
    const { lived, time, moment: last } = this.#replica
    const now = lived.at(wall, moment)
    if (now - time <= moment - last + leap) return now
    this.#log.follow()
    return lived.at(wall, moment)
  }

  #settle(held: Held, verdict: Verdict): boolean {
    this.#drop(held)
    return verdict === 'yes'
  }

  #drop(held: Held): void {
    this.#owed.settled(held)
    this.#held.remove(held)
    if (this.#held.size === 0) this.#whenSettled?.()
  }

  #pay(owed: Iterable<readonly [Held, Outcome]>): void {
    for (const [held, outcome] of owed) {
      this.#log.tell(this.#writer.commit(held.number, held.nonce, outcome), { decided: () => this.#drop(held), failed: nothing })
    }
    this.#log.flush()
  }

  #glance(): void {
    this.#clock.after(glance, () => {
      if (this.#isClosed) return
      try {
        this.#log.follow()
      } catch {
        // The next claim says so.
      }
      this.#glance()
    })
  }

  #settled(): Promise<void> {
    this.#log.flush()
    if (this.#held.size === 0) return Promise.resolve()
    const ends = Math.max(...this.#held.all().map((held) => held.ends))
    return new Promise((resolve) => {
      this.#whenSettled = resolve
      this.#clock.after(Math.max(0, ends - this.#clock.monotonic()), resolve)
    })
  }
}

interface Time { readonly now: Instant; readonly moment: Milliseconds }

const nobodys: Nonce = { key: new Uint8Array(32), print: new Uint8Array(32), passesUntil: undefined }

function nothing(): void {}
