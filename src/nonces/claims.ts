import type { Nonce } from '../core/nonce.ts'

/** Claims are the same where the first 16 bytes of their keys are: so much of it is kept of an accepted nonce, too (record.ts). */
const keyBytes = 16

const none: readonly never[] = Object.freeze([])

/**
 * What is under way in this process, by the key of its nonce. Looked up by four bytes of it, as a number: a text of all sixteen would be made, hashed and
 * internalized by V8 for each delivery. Claims that share those four, as a sender may bring about, stand in one row, and each is told by the whole key.
 */
export class Claims<One extends { readonly nonce: Nonce }> {
  readonly #rows = new Map<number, readonly One[]>()
  #size = 0

  get size(): number {
    return this.#size
  }

  find({ key }: Nonce): One | undefined {
    for (const one of this.#rows.get(wordOf(key)) ?? none) if (isSame(one.nonce.key, key)) return one
    return undefined
  }

  /** The one that was put in first, but for those that share a row. */
  oldest(): One | undefined {
    return this.#rows.values().next().value?.[0]
  }

  /** There must be none of its key. */
  add(one: One): void {
    const word = wordOf(one.nonce.key)
    const row = this.#rows.get(word)
    this.#rows.set(word, row === undefined ? [one] : [...row, one])
    this.#size += 1
  }

  /** Takes this very claim out, where it is in. */
  delete(one: One): void {
    const word = wordOf(one.nonce.key)
    const row = this.#rows.get(word) ?? none
    if (!row.includes(one)) return
    if (row.length === 1) this.#rows.delete(word)
    else this.#rows.set(word, row.filter((other) => other !== one))
    this.#size -= 1
  }

  all(): readonly One[] {
    return [...this.#rows.values()].flat()
  }
}

function wordOf(key: Uint8Array): number {
  return (key[0] as number) | (key[1] as number) << 8 | (key[2] as number) << 16 | (key[3] as number) << 24
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  for (let at = 0; at < keyBytes; at++) if (one[at] !== other[at]) return false
  return true
}
