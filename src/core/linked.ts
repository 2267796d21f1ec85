/** What can stand in a list: who comes before it there, and who after it. The list's own; undefined outside of one. */
export interface Linked<T> {
  before: T | undefined
  after: T | undefined
}

/**
 * Those who are in, in the order in which they came, for what comes and goes all the time. Whoever leaves points at nobody any more.
 *
 * A `Map` or a `Set` would hold them, too, and what has left: V8 gives it a new table after so many changes, and once it has lived through one large
 * collection of the garbage every table is made among the old objects (`OrderedHashTable::Rehash`). The table before it is garbage with all who were in
 * at that moment in it, and only the next large collection finds that out (docs/decisions/0508).
 */
export class LinkedList<T extends Linked<T>> {
  #first: T | undefined
  #last: T | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  get first(): T | undefined {
    return this.#first
  }

  /** Behind all others; it must be in no list. */
  append(one: T): void {
    one.before = this.#last
    if (this.#last === undefined) this.#first = one
    else this.#last.after = one
    this.#last = one
    this.#size += 1
  }

  /** Takes it out, where it is in. */
  remove(one: T): void {
    const { before, after } = one
    if (before === undefined && this.#first !== one) return
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    one.before = undefined
    one.after = undefined
    this.#size -= 1
  }

  /** Who is in now. */
  all(): readonly T[] {
    const all: T[] = []
    for (let one = this.#first; one !== undefined; one = one.after) all.push(one)
    return all
  }
}
