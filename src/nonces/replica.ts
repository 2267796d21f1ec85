import type { Instant, Milliseconds } from '../core/units.ts'
import { kindOf, kinds, leapOf, momentOf } from './entry.ts'
import type { Header } from './header.ts'
import { Holders } from './holders.ts'
import { LivedTime } from './lived-time.ts'
import { untilOf } from './record.ts'
import { NonceTable, type Entry } from './table.ts'

/** What an entry came to, given all that stand before it. */
export type Verdict = 'yes' | 'no' | 'in-flight' | Entry

/**
 * The state machine of docs/replay.md over a journal that several write: whoever reads the same entries in the same
 * order has the same state, and knows which claim was the first. Nothing but the entries goes in, so time is the time that
 * stands in them: the latest so far, for nobody's clock may take back what others have seen end.
 */
export class Replica {
  readonly table: NonceTable
  /** What the clocks of all that claimed had lived through. No part of what is decided: it is asked before a claim. */
  readonly lived = new LivedTime()
  #claims = new Holders()
  #time: Instant = 0
  #moment: Milliseconds = 0
  #boot: string | undefined

  constructor(capacity: number) {
    this.table = new NonceTable(capacity)
  }

  /** What is claimed: by whom, and up to which moment. */
  get claims(): Holders {
    return this.#claims
  }

  get time(): Instant {
    return this.#time
  }

  get moment(): Milliseconds {
    return this.#moment
  }

  /** A file begins. Where the machine was started anew, no delivery of before is under way, and moments count from another zero. */
  begin({ boot, time, now, moment }: Header): void {
    if (boot !== this.#boot) {
      this.#boot = boot
      this.#claims = new Holders()
      this.#moment = 0
      this.lived.reboot()
    }
    this.lived.see(now, moment)
    this.#time = Math.max(this.#time, time)
    this.#moment = Math.max(this.#moment, moment)
  }

  apply(words: Uint32Array, at: number): Verdict {
    switch (kindOf(words, at)) {
      case kinds.claim: return this.#claim(words, at)
      case kinds.commit: return this.#commit(words, at)
      case kinds.release: return this.#release(words, at)
      case kinds.kept: return this.#keep(words, at)
      default: return 'no'
    }
  }

  /** What an entry would come to, were it the next. */
  readonly foresee = (words: Uint32Array, at: number): Verdict => {
    const kind = kindOf(words, at)
    if (kind === kinds.claim) return this.look(words, { now: untilOf(words, at), moment: momentOf(words, at) }, at)
    return kind === kinds.commit && !this.#mayCommit(words, at) ? 'no' : 'yes'
  }

  /** What a claim of the key at this place would come to, as far as is known: `yes` where nobody is in its way. */
  look(words: Uint32Array, { now, moment }: { readonly now: Instant; readonly moment: Milliseconds }, at = 0): Verdict {
    const found = this.table.find(words, Math.max(now, this.#time), at)
    if (found !== undefined) return found
    const holder = this.#claims.find(words, at)
    return holder !== undefined && Math.max(moment, this.#moment) < holder.ends ? 'in-flight' : 'yes'
  }

  #claim(words: Uint32Array, at: number): Verdict {
    const moment = momentOf(words, at)
    const now = untilOf(words, at)
    this.#time = Math.max(this.#time, now)
    this.#moment = Math.max(this.#moment, moment)
    this.lived.see(now + leapOf(words, at), moment)
    const found = this.table.find(words, this.#time, at)
    if (found !== undefined) return found
    const holder = this.#claims.find(words, at)
    if (holder !== undefined && this.#moment < holder.ends) return 'in-flight'
    if (holder !== undefined) this.#claims.delete(holder)
    this.#claims.dropLapsed(this.#moment)
    this.#claims.add(words, at)
    return 'yes'
  }

  #commit(words: Uint32Array, at: number): Verdict {
    return this.#mayCommit(words, at) ? this.#keep(words, at) : 'no'
  }

  /** A claim that has lapsed counts like none: it may have gone with its file for some, and not for others. */
  #mayCommit(words: Uint32Array, at: number): boolean {
    const holder = this.#claims.find(words, at)
    if (holder !== undefined && this.#moment < holder.ends && !holder.made(words, at)) return false
    return this.table.find(words, this.#time, at) === undefined
  }

  #release(words: Uint32Array, at: number): Verdict {
    const holder = this.#claims.find(words, at)
    this.#moment = Math.max(this.#moment, momentOf(words, at))
    if (holder === undefined || !holder.made(words, at)) return 'no'
    this.#claims.delete(holder)
    return this.#moment < holder.ends ? 'yes' : 'no'
  }

  #keep(words: Uint32Array, at: number): 'yes' {
    const until = untilOf(words, at)
    const holder = this.#claims.find(words, at)
    if (holder !== undefined) this.#claims.delete(holder)
    if (until <= this.#time) return 'yes'
    this.lived.keepUntil(until)
    this.table.put(words, this.#time, at)
    return 'yes'
  }
}
