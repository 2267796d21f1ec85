import { crc32 } from 'node:zlib'
import type { Nonce, Outcome } from '../core/nonce.ts'
import type { Random } from '../core/ports.ts'
import type { Bytes, Instant, Milliseconds } from '../core/units.ts'
import { recordWords, writeNonce, writeOutcome } from './record.ts'

/**
 * One line of a journal, sixteen words as the machine holds them: a record of ten (record.ts), the kind, whose it is (two
 * words and the number of the claim), one that claims use, and the CRC-32 of the others. 64 bytes divide a page, so that the end
 * of a process or a full disk cuts between two of them and not through one.
 */
export const entryWords = 16
export const entryBytes: Bytes = entryWords * 4
export const sumAt: Bytes = entryBytes - 4

/**
 * `claim`: somebody wants the nonce, and the entries before it say whether he has it · `commit`, `release`: he settles it,
 * and has his say where it is still his · `seal`: the file ends here · `kept`: accepted, decided in the memory of the one
 * process that writes.
 */
export const kinds = { claim: 1, commit: 2, release: 3, seal: 4, kept: 5 } as const
export type Kind = (typeof kinds)[keyof typeof kinds]

const kindAt = 10
export const ownerAt = 11
const numberAt = 13
const leapAt = 14
const longestLeap: Milliseconds = 2 ** 32 - 1
/** In a claim the words of the print hold the moment at which it was made, and at which it ends. */
const momentAt = 4
const endsAt = 6

/** Who claims: a number of 64 bits that no other worker has. */
export type Owner = readonly [number, number]

export function newOwner(random: Random): Owner {
  const [first = 0, second = 0] = new Uint32Array(Uint8Array.from(random.bytes(8)).buffer)
  return [first, second]
}

/** Writes entries, one at a time, over the same bytes. */
export class EntryWriter {
  readonly bytes = new Uint8Array(entryBytes)
  readonly words = new Uint32Array(this.bytes.buffer)
  readonly #covered = this.bytes.subarray(0, sumAt)
  readonly #owner: Owner

  constructor(owner: Owner = [0, 0]) {
    this.#owner = owner
  }

  kept(record: Uint32Array): this {
    this.words.fill(0)
    for (let word = 0; word < recordWords; word++) this.words[word] = record[word] as number
    return this.#finish(kinds.kept, 0)
  }

  /** `now` and `moment` are its time for everyone who reads it. */
  claim(number: number, nonce: Nonce, { now, wall, moment, ends }: Stamp): this {
    this.words.fill(0)
    writeNonce(this.words, nonce)
    writeLength(this.words, momentAt, moment)
    writeLength(this.words, endsAt, ends)
    this.words[8] = Math.floor(now) >>> 0
    this.words[9] = Math.floor(now / 2 ** 32) & 0xffff
    this.words[leapAt] = Math.min(Math.max(0, Math.floor(wall) - Math.floor(now)), longestLeap)
    return this.#finish(kinds.claim, number)
  }

  commit(number: number, nonce: Nonce, outcome: Outcome): this {
    this.words.fill(0)
    writeNonce(this.words, nonce)
    writeOutcome(this.words, outcome)
    return this.#finish(kinds.commit, number)
  }

  release(number: number, nonce: Nonce, moment: Milliseconds): this {
    this.words.fill(0)
    writeNonce(this.words, nonce)
    writeLength(this.words, momentAt, moment)
    return this.#finish(kinds.release, number)
  }

  seal(): this {
    this.words.fill(0)
    return this.#finish(kinds.seal, 0)
  }

  #finish(kind: Kind, number: number): this {
    this.words[kindAt] = kind
    this.words[ownerAt] = this.#owner[0]
    this.words[ownerAt + 1] = this.#owner[1]
    this.words[numberAt] = number
    this.words[entryWords - 1] = crc32(this.#covered)
    return this
  }
}

/** The time of a claim: as lived through, by the wall, and by the monotonic clock of the machine. */
export interface Stamp { readonly now: Instant; readonly wall: Instant; readonly moment: Milliseconds; readonly ends: Milliseconds }

export function kindOf(words: Uint32Array, at: number): number {
  return words[at + kindAt] as number
}

export function numberOf(words: Uint32Array, at: number): number {
  return words[at + numberAt] as number
}

/** Do the entries at these places say the same of the same claim: one kind, one owner, one number? */
export function isSameClaim(a: Uint32Array, at: number, b: Uint32Array, from: number): boolean {
  for (let word = kindAt; word <= numberAt; word++) if (a[at + word] !== b[from + word]) return false
  return true
}

export function momentOf(words: Uint32Array, at: number): Milliseconds {
  return readLength(words, at + momentAt)
}

/** By how much the wall clock was ahead of the time as lived through; up to 49 days. */
export function leapOf(words: Uint32Array, at: number): Milliseconds {
  return words[at + leapAt] as number
}

export function endsOf(words: Uint32Array, at: number): Milliseconds {
  return readLength(words, at + endsAt)
}

/** A length of time to the thousandth of a millisecond, in two words. */
function writeLength(words: Uint32Array, at: number, length: Milliseconds): void {
  const thousandths = Math.round(length * 1_000)
  words[at] = thousandths >>> 0
  words[at + 1] = Math.floor(thousandths / 2 ** 32)
}

function readLength(words: Uint32Array, at: number): Milliseconds {
  return ((words[at + 1] as number) * 2 ** 32 + (words[at] as number)) / 1_000
}
