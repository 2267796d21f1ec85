import type { BodyDecoder } from './body-decoder.ts'
import { parseFields } from './head.ts'

/** Leading zeros count. */
const mostDigits = 32
const mostExtension = 256
const [lf, cr, semicolon] = [0x0a, 0x0d, 0x3b]

/**
 * A chunked body (RFC 9112 §7.1), read strictly. Extensions are read and mean nothing; trailers are read, must be field
 * lines that frame nothing, and are dropped.
 */
export class ChunkedBody implements BodyDecoder {
  #at: 'size' | 'extension' | 'size-end' | 'data' | 'data-cr' | 'data-lf' | 'trailers' | 'over' = 'size'
  #digits = 0
  #size = 0
  #extension = ''
  #trailers = ''
  readonly #mostTrailers: number

  /** `mostTrailers`: bytes. */
  constructor(mostTrailers: number) {
    this.#mostTrailers = mostTrailers
  }

  get isOver(): boolean {
    return this.#at === 'over'
  }

  take(bytes: Buffer, data: (part: Buffer) => void): number | 'fault' {
    let at = 0
    while (at < bytes.length && this.#at !== 'over') {
      const taken = this.#step(bytes, at, data)
      if (taken === 'fault') return 'fault'
      at += taken
    }
    return at
  }

  #step(bytes: Buffer, at: number, data: (part: Buffer) => void): number | 'fault' {
    if (this.#at === 'data') return this.#takeData(bytes, at, data)
    if (this.#at === 'trailers') return this.#takeTrailers(bytes, at)
    return this.#takeByte(bytes[at] as number) ? 1 : 'fault'
  }

  #takeData(bytes: Buffer, at: number, data: (part: Buffer) => void): number {
    const length = Math.min(this.#size, bytes.length - at)
    this.#size -= length
    if (this.#size === 0) this.#at = 'data-cr'
    data(bytes.subarray(at, at + length))
    return length
  }

  /** False where it may not stand here. */
  #takeByte(byte: number): boolean {
    switch (this.#at) {
      case 'size': return this.#takeDigit(byte)
      case 'extension': return this.#takeExtension(byte)
      case 'size-end': return byte === lf && this.#begin()
      case 'data-cr': return byte === cr && this.#go('data-lf')
      default: return byte === lf && this.#go('size')
    }
  }

  #takeDigit(byte: number): boolean {
    const digit = valueOfDigit(byte)
    if (digit === undefined) {
      if (this.#digits === 0) return false
      return byte === cr ? this.#go('size-end') : byte === semicolon && this.#go('extension')
    }
    this.#size = this.#size * 16 + digit
    this.#digits++
    return this.#digits <= mostDigits && Number.isSafeInteger(this.#size)
  }

  #takeExtension(byte: number): boolean {
    if (byte === cr) return isExtension(this.#extension) && this.#go('size-end')
    this.#extension += String.fromCharCode(byte)
    return byte !== lf && byte !== 0 && this.#extension.length <= mostExtension
  }

  /** The line of a chunk's size is over. */
  #begin(): boolean {
    this.#digits = 0
    this.#extension = ''
    return this.#go(this.#size === 0 ? 'trailers' : 'data')
  }

  #go(to: 'size' | 'extension' | 'size-end' | 'data' | 'data-lf' | 'trailers'): true {
    this.#at = to
    return true
  }

  #takeTrailers(bytes: Buffer, at: number): number | 'fault' {
    const before = this.#trailers.length
    const piece = bytes.toString('latin1', at, at + this.#mostTrailers + 2 - before)
    this.#trailers += piece
    // Looked at line by line: with every byte that drips in would take ever longer.
    if (!piece.includes('\n') && this.#trailers.length <= this.#mostTrailers) return piece.length
    const lines: string[] = []
    const end = parseFields(this.#trailers, 0, lines)
    if (end === undefined) return this.#trailers.length > this.#mostTrailers ? 'fault' : piece.length
    if (typeof end !== 'number' || lines.some((text, nth) => nth % 2 === 0 && frames(text))) return 'fault'
    this.#at = 'over'
    return end - before
  }
}

/** A trailer that frames was meant for a head that somebody else sees (RFC 9110 §6.5.1). */
function frames(name: string): boolean {
  return /^(?:content-length|transfer-encoding)$/i.test(name)
}

function valueOfDigit(byte: number): number | undefined {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : undefined
}

const token = '[!#$%&\'*+\\-.^_`|~0-9A-Za-z]{1,64}'
const quoted = '"(?:[\\t\\x20!\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"'
const extension = new RegExp(`^${token}(?:=(?:${token}|${quoted}))?$`)

/** RFC 9112 §7.1.1, without the blanks that it calls bad: behind the first `;`. A `;` in quotes is refused, too. */
function isExtension(text: string): boolean {
  return text.split(';').every((part) => extension.test(part))
}
