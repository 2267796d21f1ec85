import { LinkedList, type Linked } from '../core/linked.ts'
import type { Nonce } from '../core/nonce.ts'

/** Claims are the same where the first 16 bytes of their keys are: so much of it is kept of an accepted nonce, too (record.ts). */
const keyBytes = 16

const fewestRows = 64

/**
 * What is under way in this process, by the key of its nonce. Looked up by four bytes of it, as a number: a text of all sixteen would be made, hashed and
 * internalized by V8 for each delivery. Claims that share those four, as a sender may bring about, stand in one row, and each is told by the whole key.
 * No `Map`, for what core/linked.ts says of it.
 */
export class Claims<One extends { readonly nonce: Nonce }> {
  readonly #all = new LinkedList<Placed<One>>()
  /** A power of two of them, one place a claim to eight. */
  #rows = emptyRows<One>(fewestRows)

  get size(): number {
    return this.#all.size
  }

  find({ key }: Nonce): One | undefined {
    for (let place = this.#rows[this.#rowOf(wordOf(key))]; place !== undefined; place = place.beside) {
      if (isSame(place.one.nonce.key, key)) return place.one
    }
    return undefined
  }

  /** The one that was put in first. */
  oldest(): One | undefined {
    return this.#all.first?.one
  }

  /** There must be none of its key. */
  add(one: One): void {
    const place = new Placed(one)
    this.#all.append(place)
    if (this.#all.size > this.#rows.length) this.#makeRows(this.#rows.length * 2)
    else this.#enter(place)
  }

  /** Takes this very claim out, where it is in. */
  delete(one: One): void {
    const row = this.#rowOf(wordOf(one.nonce.key))
    let before: Placed<One> | undefined
    let place = this.#rows[row]
    for (; place !== undefined && place.one !== one; place = place.beside) before = place
    if (place === undefined) return
    if (before === undefined) this.#rows[row] = place.beside
    else before.beside = place.beside
    place.beside = undefined
    this.#all.remove(place)
    if (this.#all.size * 8 < this.#rows.length && this.#rows.length > fewestRows) this.#makeRows(this.#rows.length / 2)
  }

  all(): readonly One[] {
    return this.#all.all().map(({ one }) => one)
  }

  #rowOf(word: number): number {
    return word & (this.#rows.length - 1)
  }

  #enter(place: Placed<One>): void {
    const row = this.#rowOf(wordOf(place.one.nonce.key))
    place.beside = this.#rows[row]
    this.#rows[row] = place
  }

  #makeRows(count: number): void {
    this.#rows = emptyRows(count)
    for (const place of this.#all.all()) this.#enter(place)
  }
}

/** A claim in its row, and in the order of all. */
class Placed<One> implements Linked<Placed<One>> {
  before: Placed<One> | undefined
  after: Placed<One> | undefined
  /** The next one in its row. */
  beside: Placed<One> | undefined
  readonly one: One

  constructor(one: One) {
    this.one = one
  }
}

function emptyRows<One>(count: number): (Placed<One> | undefined)[] {
  return Array.from({ length: count }, () => undefined)
}

function wordOf(key: Uint8Array): number {
  return (key[0] as number) | (key[1] as number) << 8 | (key[2] as number) << 16 | (key[3] as number) << 24
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  for (let at = 0; at < keyBytes; at++) if (one[at] !== other[at]) return false
  return true
}
