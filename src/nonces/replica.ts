import type { Instant, Milliseconds } from '../core/units.ts'
import { endsOf, isOwn, kindOf, kinds, leapOf, momentOf, numberOf, ownerOf, type Owner } from './entry.ts'
import type { Header } from './header.ts'
import { LivedTime } from './lived-time.ts'
import { sameKey, untilOf } from './record.ts'
import { NonceTable, type Entry } from './table.ts'

/** What an entry came to, given all that stand before it. */
export type Verdict = 'yes' | 'no' | 'in-flight' | Entry

interface Holder { readonly owner: Owner; readonly number: number; readonly ends: Milliseconds }

/**
 * The state machine of docs/replay.md over a journal that several write: whoever reads the same entries in the same
 * order has the same state, and knows which claim was the first. Nothing but the entries goes in, so time is the time that
 * stands in them: the latest so far, for nobody's clock may take back what others have seen end.
 */
export class Replica {
  readonly table: NonceTable
  /** What is claimed: by whom, and up to which moment. */
  readonly claims = new Map<string, Holder>()
  /** What the clocks of all that claimed had lived through. No part of what is decided: it is asked before a claim. */
  readonly lived = new LivedTime()
  #time: Instant = 0
  #moment: Milliseconds = 0
  #boot: string | undefined
  /** The oldest claim stood until then when they were last looked through. */
  #lapsesAt: Milliseconds = -Infinity
  readonly #names = new LastName()

  constructor(capacity: number) {
    this.table = new NonceTable(capacity)
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
      this.claims.clear()
      this.#moment = 0
      this.#lapsesAt = -Infinity
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
      case kinds.kept: return this.#keep(words, at, this.#names.of(words, at))
      default: return 'no'
    }
  }

  /** What an entry would come to, were it the next. */
  foresee(words: Uint32Array): Verdict {
    const kind = kindOf(words, 0)
    if (kind === kinds.claim) return this.look(words, untilOf(words, 0), momentOf(words, 0))
    return kind === kinds.commit && !this.#mayCommit(words, 0) ? 'no' : 'yes'
  }

  /** What a claim of this key would come to, as far as is known: `yes` where nobody is in its way. */
  look(words: Uint32Array, now: Instant, moment: Milliseconds): Verdict {
    const found = this.table.find(words, Math.max(now, this.#time))
    if (found !== undefined) return found
    const holder = this.claims.get(this.#names.of(words, 0))
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
    const name = this.#names.of(words, at)
    const holder = this.claims.get(name)
    if (holder !== undefined && this.#moment < holder.ends) return 'in-flight'
    if (holder !== undefined) this.claims.delete(name)
    this.#dropLapsed()
    this.claims.set(name, { owner: ownerOf(words, at), number: numberOf(words, at), ends: endsOf(words, at) })
    return 'yes'
  }

  #commit(words: Uint32Array, at: number): Verdict {
    return this.#mayCommit(words, at) ? this.#keep(words, at, this.#names.of(words, at)) : 'no'
  }

  /** A claim that has lapsed counts like none: it may have gone with its file for some, and not for others. */
  #mayCommit(words: Uint32Array, at: number): boolean {
    const holder = this.claims.get(this.#names.of(words, at))
    if (holder !== undefined && this.#moment < holder.ends && !isHeldBy(holder, words, at)) return false
    return this.table.find(words, this.#time, at) === undefined
  }

  #release(words: Uint32Array, at: number): Verdict {
    const name = this.#names.of(words, at)
    const holder = this.claims.get(name)
    this.#moment = Math.max(this.#moment, momentOf(words, at))
    if (holder === undefined || !isHeldBy(holder, words, at)) return 'no'
    this.claims.delete(name)
    return this.#moment < holder.ends ? 'yes' : 'no'
  }

  #keep(words: Uint32Array, at: number, name: string): 'yes' {
    const until = untilOf(words, at)
    this.claims.delete(name)
    if (until <= this.#time) return 'yes'
    this.lived.keepUntil(until)
    this.table.put(words, this.#time, at)
    return 'yes'
  }

  /** Claims whose owner was never heard of again: oldest first, up to the first that stands. */
  #dropLapsed(): void {
    if (this.#moment < this.#lapsesAt) return
    for (const [name, { ends }] of this.claims) {
      this.#lapsesAt = ends
      if (this.#moment < ends) return
      this.claims.delete(name)
    }
  }
}

function isHeldBy({ owner, number }: Holder, words: Uint32Array, at: number): boolean {
  return number === numberOf(words, at) && isOwn(words, at, owner)
}

/**
 * The key of an entry as a name, a character a byte, as the memory of one process has it, too. What is asked for is mostly what
 * was asked for last.
 */
class LastName {
  readonly #words = new Uint32Array(4)
  #name = '\0'.repeat(16)

  of(words: Uint32Array, at: number): string {
    const last = this.#words
    if (sameKey(last, 0, words, at)) return this.#name
    for (let word = 0; word < 4; word++) last[word] = words[at + word] as number
    this.#name = spell(last[0] as number, last[1] as number, last[2] as number, last[3] as number)
    return this.#name
  }
}

/** At once: a view of the bytes and a decoder take twice as long. */
function spell(a: number, b: number, c: number, d: number): string {
  return String.fromCharCode(
    a & 0xff, (a >>> 8) & 0xff, (a >>> 16) & 0xff, a >>> 24, b & 0xff, (b >>> 8) & 0xff, (b >>> 16) & 0xff, b >>> 24,
    c & 0xff, (c >>> 8) & 0xff, (c >>> 16) & 0xff, c >>> 24, d & 0xff, (d >>> 8) & 0xff, (d >>> 16) & 0xff, d >>> 24,
  )
}
