import { entryBytes, entryWords, isSameClaim } from './entry.ts'
import type { Verdict } from './replica.ts'

/** Who waits for what an entry comes to. Hears one of the two, once; neither may throw. */
export interface Told {
  readonly decided: (verdict: Verdict) => void
  readonly failed: (error: unknown) => void
}

/** No more are written at once: the first is not to wait for the last of a thousand. */
const mostAtOnce = 64

/** Entries that are written together, in their order, and who waits for what each comes to. Whatever is decided leaves. */
export class Batch {
  readonly words = new Uint32Array(mostAtOnce * entryWords)
  readonly #bytes = new Uint8Array(this.words.buffer)
  readonly #waiting: (Told | undefined)[] = Array.from({ length: mostAtOnce }, () => undefined)
  #first = 0
  #end = 0

  get size(): number {
    return this.#end - this.#first
  }

  get isFull(): boolean {
    return this.#end === mostAtOnce
  }

  /** Where the first entry stands in `words`. */
  get at(): number {
    return this.#first * entryWords
  }

  /** All of them, as they are to be written. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(this.#first * entryBytes, this.#end * entryBytes)
  }

  /** There must be room. */
  add(entry: Uint32Array, told: Told): void {
    this.words.set(entry, this.#end * entryWords)
    this.#waiting[this.#end] = told
    this.#end += 1
  }

  /** Is the entry at this place of a page the first of ours? */
  begins(words: Uint32Array, at: number): boolean {
    return this.size > 0 && isSameClaim(words, at, this.words, this.at)
  }

  /** This came of the first one. */
  decide(verdict: Verdict): void {
    const told = this.#waiting[this.#first]
    this.#waiting[this.#first] = undefined
    this.#first += 1
    this.#rewind()
    told?.decided(verdict)
  }

  /** Nothing comes of those that are left. */
  fail(error: unknown): void {
    const left = this.#waiting.slice(this.#first, this.#end)
    this.#waiting.fill(undefined)
    this.#first = this.#end
    this.#rewind()
    for (const told of left) told?.failed(error)
  }

  /** Would any of them come to something else than yes? */
  isRefused(foresee: (words: Uint32Array, at: number) => Verdict): boolean {
    for (let entry = this.#first; entry < this.#end; entry++) if (foresee(this.words, entry * entryWords) !== 'yes') return true
    return false
  }

  /** Those that would come to something else than yes leave with that, unwritten. */
  refuse(foresee: (words: Uint32Array, at: number) => Verdict): void {
    let kept = this.#first
    const refused: (() => void)[] = []
    for (let entry = this.#first; entry < this.#end; entry++) {
      const told = this.#waiting[entry]
      const verdict = foresee(this.words, entry * entryWords)
      if (verdict !== 'yes') refused.push(() => told?.decided(verdict))
      else this.#move(entry, kept++)
    }
    this.#waiting.fill(undefined, kept, this.#end)
    this.#end = kept
    this.#rewind()
    for (const tell of refused) tell()
  }

  #move(from: number, to: number): void {
    this.words.copyWithin(to * entryWords, from * entryWords, (from + 1) * entryWords)
    this.#waiting[to] = this.#waiting[from]
  }

  #rewind(): void {
    if (this.#first < this.#end) return
    this.#first = 0
    this.#end = 0
  }
}
