/** Tags of X.690 in the one byte that they take; those in brackets (`[0]` …) have a meaning where they stand only. */
export const tags = {
  boolean: 0x01, integer: 0x02, bitString: 0x03, octetString: 0x04, oid: 0x06, utcTime: 0x17, generalizedTime: 0x18, sequence: 0x30,
} as const

/**
 * A cursor over DER (X.690), for revocation lists: with a hundred thousand entries they are too large for a library
 * that makes an object of each. Strict: one-byte tags, definite and shortest lengths, nothing beyond the end.
 */
export class Der {
  readonly bytes: Uint8Array
  readonly end: number
  #at: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes
    this.#at = start
    this.end = end
  }

  get more(): boolean {
    return this.#at < this.end
  }

  /** The tag of the next element; -1 at the end. */
  get tag(): number {
    return this.more ? this.bytes[this.#at] as number : -1
  }

  /** Takes the next element, which must have this tag; gives its place. */
  take(tag: number): Element {
    const start = this.#at
    if (this.tag !== tag || (tag & 0x1f) === 0x1f) throw new DerError(start)
    const content = this.#length(start + 1)
    this.#at = content.end
    return { start, ...content }
  }

  /** Takes the next element if it has this tag. */
  maybe(tag: number): Element | undefined {
    return this.tag === tag ? this.take(tag) : undefined
  }

  /** A cursor over what an element holds. */
  inside({ content, end }: Element): Der {
    return new Der(this.bytes, content, end)
  }

  /** Takes the next element and looks inside. */
  enter(tag: number): Der {
    return this.inside(this.take(tag))
  }

  /** Nothing may be left. */
  finish(): void {
    if (this.more) throw new DerError(this.#at)
  }

  #length(at: number): { content: number; end: number } {
    const first = at < this.end ? this.bytes[at] as number : 0x80
    if (first < 0x80) return this.#span(at + 1, first)
    const count = first & 0x7f
    if (count === 0 || count > 4 || at + count >= this.end) throw new DerError(at)
    let length = 0
    for (let index = 1; index <= count; index++) length = length * 256 + (this.bytes[at + index] as number)
    if (length < 0x80 || (count > 1 && this.bytes[at + 1] === 0)) throw new DerError(at)
    return this.#span(at + 1 + count, length)
  }

  /** Where the element that begins here ends; for passing over many without an object for each. */
  endOf(at: number, limit: number, tag: number): number {
    if (this.bytes[at] !== tag || at + 1 >= limit) throw new DerError(at)
    const length = this.bytes[at + 1] as number
    const end = length < 0x80 ? at + 2 + length : this.#length(at + 1).end
    if (end > limit) throw new DerError(at)
    return end
  }

  #span(content: number, length: number): { content: number; end: number } {
    if (content + length > this.end) throw new DerError(content)
    return { content, end: content + length }
  }
}

/** Where an element begins, where its content begins, and where both end. */
export interface Element { readonly start: number; readonly content: number; readonly end: number }

export class DerError extends Error {
  override readonly name = 'DerError'
  constructor(at: number) {
    super(`it is no DER at byte ${at}`)
  }
}
