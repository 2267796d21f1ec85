import type { Nonce } from '../core/nonce.ts'
import { Rows, type InRow } from './rows.ts'

/** Claims are the same where the first 16 bytes of their keys are: so much of it is kept of an accepted nonce, too (record.ts). */
const keyBytes = 16

/**
 * What is under way in this process, by the key of its nonce. Looked up by four bytes of it, as a number: a text of all sixteen would be made, hashed and
 * internalized by V8 for each delivery. Claims that share those four, as a sender may bring about, are told apart by the whole key.
 */
export class Claims<One extends { readonly nonce: Nonce }> {
  readonly #rows = new Rows<Placed<One>>()

  get size(): number {
    return this.#rows.size
  }

  find({ key }: Nonce): One | undefined {
    for (let place = this.#rows.row(wordOf(key)); place !== undefined; place = place.beside) {
      if (isSame(place.one.nonce.key, key)) return place.one
    }
    return undefined
  }

  /** The one that was put in first. */
  oldest(): One | undefined {
    return this.#rows.oldest?.one
  }

  /** There must be none of its key. */
  add(one: One): void {
    this.#rows.add(new Placed(one))
  }

  /** Takes this very claim out, where it is in. */
  delete(one: One): void {
    let place = this.#rows.row(wordOf(one.nonce.key))
    while (place !== undefined && place.one !== one) place = place.beside
    if (place !== undefined) this.#rows.delete(place)
  }

  all(): readonly One[] {
    return this.#rows.all().map(({ one }) => one)
  }
}

class Placed<One extends { readonly nonce: Nonce }> implements InRow<Placed<One>> {
  before: Placed<One> | undefined
  after: Placed<One> | undefined
  beside: Placed<One> | undefined
  readonly word: number
  readonly one: One

  constructor(one: One) {
    this.one = one
    this.word = wordOf(one.nonce.key)
  }
}

function wordOf(key: Uint8Array): number {
  return (key[0] as number) | (key[1] as number) << 8 | (key[2] as number) << 16 | (key[3] as number) << 24
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  for (let at = 0; at < keyBytes; at++) if (one[at] !== other[at]) return false
  return true
}
