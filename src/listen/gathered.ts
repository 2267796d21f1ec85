import type { Bytes } from '../core/units.ts'

const smallest: Bytes = 4_096

/**
 * Bytes that come in parts, held as one piece. A list of parts costs about a hundred bytes a part, so a body in chunks of
 * one byte would hold a hundred times what it is counted as; here it holds twice its length at the most.
 */
export class Gathered {
  /** The only part so far, as it came: most bodies have no second one. */
  #only: Uint8Array | undefined
  #bytes: Uint8Array | undefined
  #length: Bytes = 0

  get length(): Bytes {
    return this.#length
  }

  /** `expected`: how many there will be in all, as far as that is known; else 0. */
  add(part: Uint8Array, expected: Bytes): void {
    if (this.#length === 0) this.#only = part
    else this.#room(this.#length + part.length, expected).set(part, this.#length)
    this.#length += part.length
  }

  whole(): Uint8Array {
    return this.#bytes?.subarray(0, this.#length) ?? this.#only ?? new Uint8Array(0)
  }

  /** Room for so many, with what was there before. */
  #room(needed: Bytes, expected: Bytes): Uint8Array {
    const before = this.#bytes
    if (before !== undefined && before.length >= needed) return before
    const bytes = Buffer.allocUnsafeSlow(Math.max(needed, expected, Math.min(2 * needed, needed + 1_048_576), smallest))
    bytes.set((before ?? this.#only as Uint8Array).subarray(0, this.#length))
    this.#only = undefined
    this.#bytes = bytes
    return bytes
  }
}
