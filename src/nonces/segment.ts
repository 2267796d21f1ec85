import { closeSync, openSync, readSync, truncateSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import type { Bytes, Instant } from '../core/units.ts'
import { StoreMistake } from './mistake.ts'
import { recordWords, untilOf } from './record.ts'

/**
 * A journal is a row of files. Each begins with a header and goes on in entries of the same size: a record and the
 * CRC-32 of it. Words stand as the machine holds them.
 */
const entryWords = recordWords + 1
export const entryBytes: Bytes = entryWords * 4

/** No file of ours grows past this. */
export const segmentBytes: Bytes = 16 * 1024 * 1024

const version = 1
export const header = makeHeader()

function makeHeader(): Uint8Array {
  const bytes = Buffer.alloc(entryBytes)
  bytes.write('Sallyport nonces', 'latin1')
  new Uint32Array(bytes.buffer, bytes.byteOffset)[4] = version
  return bytes
}

/** Writes records as entries, one at a time, over the same bytes. */
export class EntryWriter {
  readonly bytes = new Uint8Array(entryBytes)
  readonly #words = new Uint32Array(this.bytes.buffer)
  readonly #covered = this.bytes.subarray(0, recordWords * 4)

  write(record: Uint32Array): Uint8Array {
    for (let word = 0; word < recordWords; word++) this.#words[word] = record[word] as number
    this.#words[recordWords] = crc32(this.#covered)
    return this.bytes
  }
}

/** What a file held. */
export interface Read {
  /** The latest `until` in it; the file is of no use after. */
  readonly until: Instant
  readonly count: number
}

/** Reads the files of a journal into one buffer, one after the other. */
export class SegmentReader {
  readonly #words: Uint32Array
  readonly #bytes: Buffer

  /** Takes files up to this size; none of ours is larger than `segmentBytes`. */
  constructor(largest: Bytes) {
    this.#words = new Uint32Array(Math.ceil(Math.min(largest, segmentBytes) / 4) + entryWords)
    this.#bytes = Buffer.from(this.#words.buffer)
  }

  /**
   * Gives every record of a file to `take`, as words at a place. A tail that was torn by the end of a process or of the
   * power is cut off. Throws `StoreMistake` for a file that is not ours and for damage anywhere else: what is damaged
   * may have been a nonce.
   */
  read(path: string, take: (words: Uint32Array, at: number) => void): Read {
    const length = this.#load(path)
    if (length > segmentBytes) throw corrupt(path, segmentBytes)
    if (this.#checkHeader(path, length) === 'torn') return this.#mend(path, 0)
    let until = 0
    for (let at = entryBytes; at < length; at += entryBytes) {
      if (at + entryBytes > length || !this.#isSound(at)) {
        if (!this.#isTorn(at, length)) throw corrupt(path, at)
        return this.#mend(path, at, until)
      }
      const word = at / 4
      until = Math.max(until, untilOf(this.#words, word))
      take(this.#words, word)
    }
    return { until, count: Math.max(0, length / entryBytes - 1) }
  }

  #load(path: string): Bytes {
    const file = openSync(path, 'r')
    try {
      let length = 0
      for (let got = -1; got !== 0 && length < this.#bytes.length; length += got) {
        got = readSync(file, this.#bytes, length, this.#bytes.length - length, length)
      }
      return length
    } finally {
      closeSync(file)
    }
  }

  #checkHeader(path: string, length: Bytes): 'sound' | 'torn' {
    const found = this.#bytes.subarray(0, Math.min(length, entryBytes))
    if (found.equals(header)) return 'sound'
    if (found.length < entryBytes && found.equals(header.subarray(0, found.length))) return 'torn'
    if (found.every((byte) => byte === 0)) return this.#isZero(0, length) ? 'torn' : raise(corrupt(path, 0))
    if (found.subarray(0, 16).equals(header.subarray(0, 16))) {
      throw new StoreMistake(`${path} was written by another version of Sallyport or on a machine of another byte order`,
        'start the version that wrote it, or move the file away: the nonces in it are forgotten then')
    }
    throw new StoreMistake(`${path} is no journal of nonces`, 'give the store a directory of its own')
  }

  #isSound(at: Bytes): boolean {
    return crc32(this.#bytes.subarray(at, at + recordWords * 4)) === this.#words[at / 4 + recordWords]
  }

  /**
   * Torn: the entry breaks off, be it with the file or in the zeros that a file system puts where nothing arrived, and
   * nothing comes after. A whole entry with a wrong sum is damage.
   */
  #isTorn(at: Bytes, length: Bytes): boolean {
    return at + entryBytes > length || this.#isZero(at + recordWords * 4, length)
  }

  #isZero(from: Bytes, to: Bytes): boolean {
    for (let at = from; at < to; at++) if (this.#bytes[at] !== 0) return false
    return true
  }

  #mend(path: string, length: Bytes, until = 0): Read {
    truncateSync(path, length)
    return { until, count: Math.max(0, length / entryBytes - 1) }
  }
}

function corrupt(path: string, at: Bytes): StoreMistake {
  return new StoreMistake(`${path} is damaged at byte ${at}, and this is no torn tail`,
    'restore it from a copy, or move the file away: the deliveries that it remembers could be replayed then')
}

function raise(mistake: StoreMistake): never {
  throw mistake
}
