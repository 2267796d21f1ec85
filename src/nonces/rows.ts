import { LinkedList, type Linked } from '../core/linked.ts'

/** What can stand in a row. */
export interface InRow<One> extends Linked<One> {
  /** 32 bits of its key, which say where it stands. */
  readonly word: number
  /** The next one in its row. The rows' own. */
  beside: One | undefined
}

const fewestRows = 64

/**
 * Those who are in, to be found by 32 bits of a key, and in the order in which they came. Those whose 32 bits are near stand in one row, and whoever looks
 * tells them apart by the whole key. No `Map`, for what core/linked.ts says of it.
 */
export class Rows<One extends InRow<One>> {
  readonly #all = new LinkedList<One>()
  /** A power of two of them, one place to eight of those who are in. */
  #rows = emptyRows<One>(fewestRows)

  get size(): number {
    return this.#all.size
  }

  /** Who came first. */
  get oldest(): One | undefined {
    return this.#all.first
  }

  /** The first of the row in which those with these 32 bits stand, and others; the next is `beside`. */
  row(word: number): One | undefined {
    return this.#rows[word & (this.#rows.length - 1)]
  }

  /** It must not be in. */
  add(one: One): void {
    this.#all.append(one)
    if (this.#all.size > this.#rows.length) this.#makeRows(this.#rows.length * 2)
    else this.#enter(one)
  }

  /** Takes it out, where it is in. */
  delete(one: One): void {
    const row = one.word & (this.#rows.length - 1)
    let before: One | undefined
    let place = this.#rows[row]
    for (; place !== undefined && place !== one; place = place.beside) before = place
    if (place === undefined) return
    if (before === undefined) this.#rows[row] = one.beside
    else before.beside = one.beside
    one.beside = undefined
    this.#all.remove(one)
    if (this.#all.size * 8 < this.#rows.length && this.#rows.length > fewestRows) this.#makeRows(this.#rows.length / 2)
  }

  all(): readonly One[] {
    return this.#all.all()
  }

  #enter(one: One): void {
    const row = one.word & (this.#rows.length - 1)
    one.beside = this.#rows[row]
    this.#rows[row] = one
  }

  #makeRows(count: number): void {
    this.#rows = emptyRows(count)
    for (const one of this.#all.all()) this.#enter(one)
  }
}

function emptyRows<One>(count: number): (One | undefined)[] {
  return Array.from({ length: count }, () => undefined)
}
