import type { Instant } from '../core/units.ts'
import { recordWords, sameKey, samePrint, statusOf, untilOf } from './record.ts'

/** What the table knows of a nonce. */
export interface Entry { readonly status: number; readonly material: 'same' | 'other' }

/** A part is rebuilt when it is this full … */
const fullest = 0.8
/** … for half as many again as are still wanted: what is moved stays in proportion to what was put in. */
const headroom = 1.5
const smallest = 16

/**
 * The accepted nonces: open addressing over plain words, 50 to 75 bytes a nonce and nothing for the garbage collector to
 * follow. Cut into parts by the key, so that growing moves a part at a time. Whatever has expired is dropped when its
 * part is rebuilt: no scan, no timer, no list beside. The keys are hashes of signed material, so nobody chooses where
 * they fall.
 */
export class NonceTable {
  readonly #parts: Part[]
  #swept = 0
  #size = 0
  #forgotten: Instant = 0

  /** `expected`: about how many nonces there will be at most; more fit, and memory grows with use. */
  constructor(expected: number) {
    const count = 2 ** Math.max(0, Math.min(8, Math.floor(Math.log2(expected / 4096))))
    this.#parts = Array.from({ length: count }, () => new Part(smallest))
  }

  /** How many are held, expired ones that were not dropped yet included. */
  get size(): number {
    return this.#size
  }

  /** Up to when nonces may have been dropped: nothing that ended later is missing. */
  get forgotten(): Instant {
    return this.#forgotten
  }

  get partCount(): number {
    return this.#parts.length
  }

  /** The record whose key stands in these words at a place, where it has not ended by now. */
  find(record: Uint32Array, now: Instant, at = 0): Entry | undefined {
    const { words, slot } = this.#partOf(record, at).seek(record, at)
    if (statusOf(words, slot) === 0 || untilOf(words, slot) <= now) return undefined
    return { status: statusOf(words, slot), material: samePrint(words, slot, record, at) ? 'same' : 'other' }
  }

  /** Puts in the record that stands in these words at a place, over what there was of its key. */
  put(words: Uint32Array, now: Instant, at = 0): void {
    const part = this.#partOf(words, at)
    if (part.isFull) this.#rebuild(part, now)
    if (part.put(words, at)) this.#size++
  }

  /** Makes place at once for that many and a few more, for parts are not filled quite evenly: before a journal is read. */
  reserve(count: number): void {
    const each = count / this.#parts.length
    for (const part of this.#parts) part.reserve(each + 5 * Math.sqrt(each))
  }

  /** Drops what has expired from the part whose turn it is. */
  sweep(now: Instant): void {
    this.#swept = (this.#swept + 1) % this.#parts.length
    this.#rebuild(this.#parts[this.#swept] as Part, now)
  }

  #rebuild(part: Part, now: Instant): void {
    const before = part.size
    this.#forgotten = Math.max(this.#forgotten, part.rebuild(now))
    this.#size -= before - part.size
  }

  #partOf(words: Uint32Array, at = 0): Part {
    return this.#parts[(words[at] as number) & (this.#parts.length - 1)] as Part
  }
}

class Part {
  words: Uint32Array
  /** Where `seek` came to stand: at the record, or at the empty slot where it would go. */
  slot = 0
  size = 0
  #slots: number

  constructor(slots: number) {
    this.#slots = slots
    this.words = new Uint32Array(slots * recordWords)
  }

  get isFull(): boolean {
    return this.size >= this.#slots * fullest
  }

  seek(record: Uint32Array, from = 0): this {
    const { words } = this
    let slot = Math.floor((record[from + 1] as number) / 2 ** 32 * this.#slots) * recordWords
    while (statusOf(words, slot) !== 0 && !sameKey(words, slot, record, from)) {
      slot += recordWords
      if (slot === words.length) slot = 0
    }
    this.slot = slot
    return this
  }

  /** True where it was not there before. */
  put(record: Uint32Array, from = 0): boolean {
    const { words, slot } = this.seek(record, from)
    const isNew = statusOf(words, slot) === 0
    for (let word = 0; word < recordWords; word++) words[slot + word] = record[from + word] as number
    if (isNew) this.size++
    return isNew
  }

  reserve(count: number): void {
    if (count / fullest > this.#slots) this.#resize(count, 0)
  }

  /** Drops what has expired, and gives the last instant up to which something dropped was to be kept. */
  rebuild(now: Instant): Instant {
    let live = 0
    for (let at = 0; at < this.words.length; at += recordWords) {
      if (statusOf(this.words, at) !== 0 && untilOf(this.words, at) > now) live++
    }
    return this.#resize(live * headroom, now)
  }

  #resize(count: number, now: Instant): Instant {
    const old = this.words
    let dropped: Instant = 0
    this.#slots = Math.max(smallest, Math.ceil(count / fullest))
    this.words = new Uint32Array(this.#slots * recordWords)
    this.size = 0
    for (let at = 0; at < old.length; at += recordWords) {
      if (statusOf(old, at) === 0) continue
      if (untilOf(old, at) > now) this.put(old, at)
      else dropped = Math.max(dropped, untilOf(old, at))
    }
    giveBack(old.buffer)
    return dropped
  }
}

/** Gives the memory back now: a part is old when it is outgrown, and only a large collection of the garbage would find it. From Node 22 on; before, it waits for that. */
function giveBack(buffer: ArrayBufferLike & { readonly transfer?: (length: number) => unknown }): void {
  buffer.transfer?.(0)
}
