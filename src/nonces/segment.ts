import { appendFileSync, closeSync, fstatSync, openSync, readSync, truncateSync, unlinkSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import type { Bytes, Instant, Milliseconds } from '../core/units.ts'
import { endsOf, entryBytes, entryWords, EntryWriter, kindOf, kinds, sumAt } from './entry.ts'
import { magic, readHeader, version, versionAt, type Header } from './header.ts'
import { StoreMistake } from './mistake.ts'
import { untilOf } from './record.ts'

/** A journal is a row of files. Each begins with a header and goes on in entries. No file of ours grows past this. */
export const segmentBytes: Bytes = 16 * 1024 * 1024

/** Up to when a file is of use. */
export interface Lasting {
  /** The latest `until` in it. */
  readonly until: Instant
  /** When the last claim in it ends, by the monotonic clock; 0 where nothing was claimed in it. */
  readonly ends: Milliseconds
}

/** What a file held. */
export interface Read extends Lasting {
  /** Undefined: it was torn, and nothing is in the file. */
  readonly header: Header | undefined
  /** `sealed`: nothing behind `length` counts · `torn`: what stands there was cut off by the end of a process or of the power. */
  readonly state: 'open' | 'sealed' | 'torn'
  readonly length: Bytes
}

/** Takes in what makes a file last. */
export class Lifetime implements Lasting {
  until: Instant = 0
  ends: Milliseconds = 0

  add(words: Uint32Array, at: number): void {
    const kind = kindOf(words, at)
    if (kind === kinds.claim) this.ends = Math.max(this.ends, endsOf(words, at))
    if (kind === kinds.commit || kind === kinds.kept) this.until = Math.max(this.until, untilOf(words, at))
  }
}

/** Is the sum of the entry at this word right? */
export function isSound(words: Uint32Array, bytes: Uint8Array, at: number): boolean {
  return crc32(bytes.subarray(at * 4, at * 4 + sumAt)) === words[at + entryWords - 1]
}

/** Nothing that somebody writes behind this counts any more. */
export function sealFile(path: string): void {
  appendFileSync(path, new EntryWriter().seal().bytes)
}

/** Cuts a torn tail off; a file of which nothing is left goes. For who has the directory, and nobody else has the file open. */
export function mendFile(path: string, { header, state, length }: Read): 'kept' | 'gone' {
  if (state === 'torn' && header !== undefined) truncateSync(path, length)
  if (header !== undefined) return 'kept'
  unlinkSync(path)
  return 'gone'
}

export interface Taking {
  /** Before its entries. */
  readonly head?: (header: Header) => void
  readonly entry: (words: Uint32Array, at: number) => void
  /** Where a write broke off those who shared the file went on to another, which says up to where this one counts; 0: it says nothing of it. */
  readonly counted?: Bytes
}

/** Reads the files of a journal into one buffer, one after the other. */
export class SegmentReader {
  #words = new Uint32Array(0)
  #bytes: Buffer = Buffer.alloc(0)

  /**
   * Gives every entry of a file, as words at a place, up to its seal or a torn tail. Throws `StoreMistake` for a file
   * that is not ours and for damage anywhere else: what is damaged may have been a nonce.
   */
  read(path: string, taking: Taking): Read {
    const length = this.#load(path)
    if (length > segmentBytes) throw corrupt(path, segmentBytes)
    const header = this.#header(path, length)
    const lifetime = new Lifetime()
    let at = entryBytes
    const read = (state: Read['state']): Read => ({ header, state, length: at, until: lifetime.until, ends: lifetime.ends })
    if (header === undefined) return read('torn')
    taking.head?.(header)
    for (; at < length; at += entryBytes) {
      if (at + entryBytes > length || !isSound(this.#words, this.#bytes, at / 4)) {
        if (at === taking.counted) return read('sealed')
        if (!this.#isTorn(at, length)) throw corrupt(path, at)
        return read('torn')
      }
      if (kindOf(this.#words, at / 4) === kinds.seal) return read('sealed')
      lifetime.add(this.#words, at / 4)
      taking.entry(this.#words, at / 4)
    }
    return read('open')
  }

  #load(path: string): Bytes {
    const file = openSync(path, 'r')
    try {
      for (let length = 0, got = -1; ; length += got) {
        // Somebody may be writing to it yet.
        this.#reserve(Math.max(length, fstatSync(file).size) + entryBytes)
        got = readSync(file, this.#bytes, length, this.#bytes.length - length, length)
        if (got === 0 || length + got > segmentBytes) return length + got
      }
    } finally {
      closeSync(file)
    }
  }

  /** Room for so much, and not much more than any file of ours has. */
  #reserve(length: Bytes): void {
    const room = Math.min(length, segmentBytes + entryBytes)
    if (room <= this.#bytes.length) return
    const before = this.#bytes
    this.#words = new Uint32Array(Math.ceil(room / 4))
    this.#bytes = Buffer.from(this.#words.buffer)
    before.copy(this.#bytes)
  }

  /** Undefined: torn. */
  #header(path: string, length: Bytes): Header | undefined {
    const found = this.#bytes.subarray(0, Math.min(length, entryBytes))
    const sound = readHeader(found)
    if (sound !== undefined) return sound
    const begun = Math.min(found.length, magic.length)
    if (found.length < entryBytes && found.subarray(0, begun).equals(magic.subarray(0, begun))) return undefined
    if (found.every((byte) => byte === 0) && this.#isZero(0, length)) return undefined
    if (found.subarray(0, magic.length).equals(magic) || found.every((byte) => byte === 0)) throw corrupt(path, 0)
    if (found.subarray(0, versionAt).equals(magic.subarray(0, versionAt))) throw ofAnotherVersion(path, found)
    throw new StoreMistake(`${path} is no journal of nonces`, 'give the store a directory of its own')
  }

  /**
   * Torn: the entry breaks off, be it with the file or in the zeros that a file system puts where nothing arrived, and
   * nothing comes after. A whole entry with a wrong sum is damage.
   */
  #isTorn(at: Bytes, length: Bytes): boolean {
    return at + entryBytes > length || this.#isZero(at + sumAt, length)
  }

  #isZero(from: Bytes, to: Bytes): boolean {
    for (let at = from; at < to; at++) if (this.#bytes[at] !== 0) return false
    return true
  }
}

function ofAnotherVersion(path: string, found: Buffer): StoreMistake {
  const own = new Uint32Array(1)
  found.copy(Buffer.from(own.buffer), 0, versionAt, versionAt + 4)
  const other = own[0] as number
  const what = other < 1_000 ? `in version ${other} of the format, and this build reads version ${version}` : 'on a machine of another byte order'
  return new StoreMistake(`${path} was written ${what}`,
    'start the build that wrote it until what it remembers has ended, or move the file away: the deliveries in it could be replayed for as long as their signed time passes')
}

export function corrupt(path: string, at: Bytes): StoreMistake {
  return new StoreMistake(`${path} is damaged at byte ${at}, and this is no torn tail`,
    'restore it from a copy, or move the file away: the deliveries that it remembers could be replayed then')
}
