import type { BodyDecoder } from './body-decoder.ts'

/** A body of `Content-Length` bytes (RFC 9112 §6.2). */
export class SizedBody implements BodyDecoder {
  #left: number

  constructor(length: number) {
    this.#left = length
  }

  get isOver(): boolean {
    return this.#left === 0
  }

  take(bytes: Buffer, data: (part: Buffer) => void): number {
    const length = Math.min(this.#left, bytes.length)
    if (length === 0) return 0
    this.#left -= length
    data(length === bytes.length ? bytes : bytes.subarray(0, length))
    return length
  }
}
