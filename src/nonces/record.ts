import { forever, type Nonce, type Outcome } from '../core/nonce.ts'
import type { Instant } from '../core/units.ts'

/**
 * One accepted nonce as ten 32-bit words, the same in memory and in the journal: key 4, print 4 (the first 16 bytes of
 * each), and two that hold `until` (48 bits, milliseconds) and the receiver's status (16 bits).
 */
export const recordWords = 10

const halfMask = 0xffff
const low = 8
const high = 9

/** Writes the key and the print of a nonce into a record. */
export function writeNonce(record: Uint32Array, nonce: Nonce): void {
  writeWords(record, 0, nonce.key)
  writeWords(record, 4, nonce.print)
}

/** Writes what became of it. An `until` that is no whole instant is rounded up: kept longer, never shorter. */
export function writeOutcome(record: Uint32Array, { status, until }: Outcome): void {
  if (!(until >= 0 && status >= 100 && status <= 999)) throw new RangeError(`not an outcome: ${status} until ${until}`)
  const instant = Math.min(Math.ceil(until), forever)
  record[low] = instant >>> 0
  record[high] = (Math.floor(instant / 2 ** 32) & halfMask) | (status << 16)
}

export function untilOf(words: Uint32Array, at: number): Instant {
  return ((words[at + high] as number) & halfMask) * 2 ** 32 + (words[at + low] as number)
}

/** Never 0 in a record that was written: a slot whose status is 0 is empty. */
export function statusOf(words: Uint32Array, at: number): number {
  return (words[at + high] as number) >>> 16
}

/** Do the records at these places have the same key? */
export function sameKey(a: Uint32Array, at: number, b: Uint32Array, from: number): boolean {
  return sameWords(a, at, b, from)
}

export function samePrint(a: Uint32Array, at: number, b: Uint32Array, from: number): boolean {
  return sameWords(a, at + 4, b, from + 4)
}

function sameWords(a: Uint32Array, at: number, b: Uint32Array, from: number): boolean {
  return a[at] === b[from] && a[at + 1] === b[from + 1] && a[at + 2] === b[from + 2] && a[at + 3] === b[from + 3]
}

function writeWords(record: Uint32Array, at: number, bytes: Uint8Array): void {
  if (bytes.length < 16) throw new RangeError('a nonce has at least 16 bytes')
  for (let word = 0; word < 4; word++) {
    const from = word * 4
    record[at + word] = (bytes[from] as number) | ((bytes[from + 1] as number) << 8) |
      ((bytes[from + 2] as number) << 16) | ((bytes[from + 3] as number) << 24)
  }
}
