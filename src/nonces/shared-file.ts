import { closeSync, constants, fdatasync, openSync, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import type { Bytes, Milliseconds } from '../core/units.ts'
import { entryBytes, entryWords, kindOf, kinds, sumAt } from './entry.ts'
import { readHeader, type Header } from './header.ts'
import type { Segment } from './journal.ts'
import { Lifetime } from './segment.ts'

const readAtOnce = 1_024

/** An entry that is sound, as words at a place. */
export interface Known { readonly words: Uint32Array; readonly at: number }

/** Where files are read into, one after the other. */
export class Page {
  readonly words = new Uint32Array(readAtOnce * entryWords)
  readonly bytes = new Uint8Array(this.words.buffer)
  /** What the sum of each entry covers, made when first asked for. */
  readonly #covered: Uint8Array[] = []

  /** Is the sum of the entry at this word right? */
  isSound(at: number): boolean {
    const covered = this.#covered[at / entryWords] ??= this.bytes.subarray(at * 4, at * 4 + sumAt)
    return crc32(covered) === this.words[at + entryWords - 1]
  }

  /** Is it the one that stands there, to the last bit? */
  isSame(at: number, { words, at: from }: Known): boolean {
    for (let word = 0; word < entryWords; word++) if (this.words[at + word] !== words[from + word]) return false
    return true
  }
}

/** A file to which several processes append, as one of them has it open: what was read of it, and what stands behind that. */
export class SharedFile {
  readonly number: number
  readonly path: string
  readonly descriptor: number
  /** When it was opened; monotonic. */
  readonly since: Milliseconds
  readonly header: Header | undefined
  readonly lifetime = new Lifetime()
  /** Up to where it was read, and counts. */
  length: Bytes = entryBytes
  /** `unsound`: a write broke off there, and nothing counts that stands behind it. */
  rest: 'nothing' | 'seal' | 'unsound' = 'nothing'

  /** Throws where it is not there, as open(2) does. */
  constructor(path: string, number: number, since: Milliseconds) {
    this.number = number
    this.path = path
    this.since = since
    this.descriptor = openSync(path, constants.O_RDWR | constants.O_APPEND)
    const head = Buffer.alloc(entryBytes)
    this.header = readHeader(head.subarray(0, readSync(this.descriptor, head, 0, entryBytes, 0)))
  }

  /** What it is of use for. Of another start of the machine no claim stands any more. */
  leftIn(boot: string): Segment {
    return { path: this.path, until: this.lifetime.until, ends: this.header?.boot === boot ? this.lifetime.ends : 0 }
  }

  /**
   * Gives every entry that was not read yet, as words at a place, up to the end or to where the file ends for everybody. Of an
   * entry that is known the sum need not be made again; `take` may name the next one.
   */
  read(page: Page, take: (words: Uint32Array, at: number) => void, known?: Known): void {
    if (this.rest === 'seal') return
    const { words, bytes } = page
    for (;;) {
      const got = readSync(this.descriptor, bytes, 0, bytes.length, this.length)
      for (let at = 0; at + entryWords <= got / 4; at += entryWords) {
        const isKnown = known !== undefined && page.isSame(at, known)
        this.rest = !isKnown && !page.isSound(at) ? 'unsound' : kindOf(words, at) === kinds.seal ? 'seal' : 'nothing'
        if (this.rest !== 'nothing') return
        this.length += entryBytes
        this.lifetime.add(words, at)
        take(words, at)
      }
      if (got === bytes.length) continue
      this.rest = got % entryBytes === 0 ? 'nothing' : 'unsound'
      return
    }
  }

  /** Is nothing missing at its end that counts, now that others have gone on to a file of this number? */
  isWhole(next: number, header: Header): boolean {
    if (this.rest === 'seal') return true
    if (this.header?.writers !== 'shared') return this.header !== undefined && this.rest === 'nothing'
    return next === this.number + 1 && header.run === this.header.run && header.ended === this.length
  }

  close(): void {
    closeSync(this.descriptor)
  }

  /** Has it all written to the medium, in its own time, and closes. */
  finish(): void {
    fdatasync(this.descriptor, () => closeSync(this.descriptor))
  }
}
