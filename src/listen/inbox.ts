import type { Bytes } from '../core/units.ts'

const nothing = Buffer.alloc(0)

/** So much may wait unread before the sender is held. */
const most: Bytes = 64 * 1024

/** The part of a socket that holds its sender. */
export interface Held {
  readonly pause: () => unknown
  readonly resume: () => unknown
}

/** What came over a connection and was not read yet, in order. A sender that is far ahead is held until it is not. */
export class Inbox {
  readonly #socket: Held
  #bytes: Buffer = nothing
  #holds = false

  constructor(socket: Held) {
    this.#socket = socket
  }

  get bytes(): Buffer {
    return this.#bytes
  }

  get length(): Bytes {
    return this.#bytes.length
  }

  add(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    if (this.#bytes.length <= most || this.#holds) return
    this.#holds = true
    this.#socket.pause()
  }

  /** The first `count` bytes were read. */
  drop(count: Bytes): void {
    this.#bytes = count === this.#bytes.length ? nothing : this.#bytes.subarray(count)
    if (!this.#holds || this.#bytes.length > most) return
    this.#holds = false
    this.#socket.resume()
  }

  clear(): void {
    this.drop(this.#bytes.length)
  }
}
