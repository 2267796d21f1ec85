import type { Milliseconds } from '../core/units.ts'
import { endsOf, numberOf, ownerAt } from './entry.ts'
import { Rows, type InRow } from './rows.ts'

/** Who has claimed a nonce, as the entry of the claim says it. Words are held as integers of 32 bits, which are part of the object. */
export class Holder implements InRow<Holder> {
  before: Holder | undefined
  after: Holder | undefined
  beside: Holder | undefined
  readonly word: number
  readonly #second: number
  readonly #third: number
  readonly #fourth: number
  readonly #owner: number
  readonly #ownerToo: number
  readonly #number: number
  /** Up to which moment. */
  readonly ends: Milliseconds

  constructor(words: Uint32Array, at: number) {
    this.word = signed(words, at)
    this.#second = signed(words, at + 1)
    this.#third = signed(words, at + 2)
    this.#fourth = signed(words, at + 3)
    this.#owner = signed(words, at + ownerAt)
    this.#ownerToo = signed(words, at + ownerAt + 1)
    this.#number = numberOf(words, at) | 0
    this.ends = endsOf(words, at)
  }

  hasKey(words: Uint32Array, at: number): boolean {
    return this.word === signed(words, at) && this.#second === signed(words, at + 1) &&
      this.#third === signed(words, at + 2) && this.#fourth === signed(words, at + 3)
  }

  /** Is the entry at this place by who made this claim, and about it? */
  made(words: Uint32Array, at: number): boolean {
    return this.#number === (numberOf(words, at) | 0) && this.#owner === signed(words, at + ownerAt) && this.#ownerToo === signed(words, at + ownerAt + 1)
  }

  /** The first 16 bytes of its nonce's key. */
  key(): Uint8Array {
    const key = Buffer.alloc(16)
    for (const [at, word] of [this.word, this.#second, this.#third, this.#fourth].entries()) key.writeInt32LE(word, at * 4)
    return key
  }
}

/** What is claimed, by the keys that stand in entries. */
export class Holders {
  readonly #rows = new Rows<Holder>()

  get size(): number {
    return this.#rows.size
  }

  find(words: Uint32Array, at: number): Holder | undefined {
    let holder = this.#rows.row(signed(words, at))
    while (holder !== undefined && !holder.hasKey(words, at)) holder = holder.beside
    return holder
  }

  /** Who claims in the entry at this place. There must be none of its key. */
  add(words: Uint32Array, at: number): void {
    this.#rows.add(new Holder(words, at))
  }

  delete(holder: Holder): void {
    this.#rows.delete(holder)
  }

  /** Drops whose claim had ended by then, and whose owner was never heard of again: oldest first, up to the first that stands. */
  dropLapsed(moment: Milliseconds): void {
    for (let holder = this.#rows.oldest; holder !== undefined && moment >= holder.ends; holder = this.#rows.oldest) this.#rows.delete(holder)
  }

  all(): readonly Holder[] {
    return this.#rows.all()
  }
}

function signed(words: Uint32Array, at: number): number {
  return (words[at] as number) | 0
}
