import { readdirSync, type writeSync } from 'node:fs'
import { join } from 'node:path'
import { StoreUnavailable } from '../core/nonce.ts'
import type { Clock, Random } from '../core/ports.ts'
import type { Bytes, Milliseconds } from '../core/units.ts'
import type { Batch } from './batch.ts'
import { EntryWriter, entryBytes, type Owner } from './entry.ts'
import { headerNow, writeHeader, type Header, type Origin } from './header.ts'
import { segmentName, segmentNumber, withoutEnded, type Segment } from './journal.ts'
import { makeSegment, removeFile } from './new-segment.ts'
import type { Replica } from './replica.ts'
import { corrupt } from './segment.ts'
import { Page, SharedFile } from './shared-file.ts'

/** After how much and how long a file is followed by another. */
export interface Fill { readonly bytes: Bytes; readonly age: Milliseconds }

export interface SharedLogParts {
  readonly directory: string
  readonly clock: Clock
  readonly random: Random
  readonly origin: Origin
  readonly owner: Owner
  readonly replica: Replica
  readonly fill: Fill
  /** write(2) at the end of the file, as `O_APPEND` has it; gives how much was taken. Tests hand in one that fails. */
  readonly append: typeof writeSync
}

/** What stands behind the last file: nothing is made by who only looks. */
type Beyond = 'make' | 'stay'

/**
 * A journal to which several processes append. The kernel puts what is appended one behind the other (open(2), `O_APPEND`),
 * and what was appended before our own entry can be read once our write has returned. So everybody reads the same
 * entries in the same order, up to his own at least, and that order decides.
 *
 * A file ends with a seal, or with what is unsound (a write that broke off): what stands behind counts for nobody, and is
 * written again to the next, whose header says up to where the file before it counts.
 */
export class SharedLog {
  readonly #parts: SharedLogParts
  readonly #seal: EntryWriter
  readonly #page = new Page()
  #past: readonly Segment[] = []
  #file: SharedFile | undefined
  #seen: readonly number[] = []
  #isOurs = false
  /** Why nothing is told or read any more. */
  #lost: Error | undefined
  #awaited: Batch | undefined

  /** Reads everything that is there. Throws `StoreUnavailable` where this run has no file, `StoreMistake` where something is damaged. */
  constructor(parts: SharedLogParts) {
    this.#parts = parts
    this.#seal = new EntryWriter(parts.owner)
    try {
      this.#goOn(-1, 'make')
    } catch (error) {
      this.close()
      throw error
    }
  }

  /**
   * Appends these entries, in one piece where that goes, and tells of each what it came to. Throws where those that are left could not be written.
   *
   * What the files before would refuse is not written: they may be gone before this one is, and who reads this one alone
   * would take it for granted. So an entry is refused by none but others of its own file.
   */
  tell(batch: Batch): void {
    const { append, replica } = this.#parts
    for (let file = this.#writable(); ;) {
      if (batch.isRefused(replica.foresee)) return this.#tellAgain(batch)
      const { size } = batch
      if (append(file.descriptor, batch.bytes) === 0) throw new Error('the disk took nothing')
      this.#read(file, batch)
      if (batch.size === 0) return
      // Where it took a part, the rest goes behind that. What is not there counts for nobody: something before it ended the file, or it broke off and ends it.
      if (batch.size === size || file.rest !== 'nothing') file = this.#goOn(file.number, 'make')
    }
  }

  /** Whoever was in the way when we last read may have left. */
  #tellAgain(batch: Batch): void {
    this.follow()
    batch.refuse(this.#parts.replica.foresee)
    if (batch.size > 0) this.tell(batch)
  }

  /** Takes in what others wrote, and makes nothing. Throws where that cannot be known. */
  follow(): void {
    const file = this.#current()
    this.#read(file)
    if (file.rest !== 'nothing') this.#goOn(file.number, 'stay')
  }

  close(): void {
    this.#file?.close()
    this.#file = undefined
    this.#lost ??= new StoreUnavailable('the nonce store is closed')
  }

  #current(): SharedFile {
    if (this.#lost !== undefined || this.#file === undefined) throw this.#lost ?? new StoreUnavailable('the nonce store is closed')
    return this.#file
  }

  #writable(): SharedFile {
    const { fill, clock, append } = this.#parts
    const file = this.#current()
    if (file.rest !== 'seal' && (file.length >= fill.bytes || (file.length > entryBytes && clock.monotonic() - file.since >= fill.age))) {
      append(file.descriptor, this.#seal.seal().bytes)
      this.#read(file)
    }
    return file.rest === 'seal' ? this.#goOn(file.number, 'make') : file
  }

  /** Reads to the end, or to where the file ends for everybody. Of what is awaited, whatever was there is told. */
  #read(file: SharedFile, awaited?: Batch): void {
    this.#awaited = awaited
    file.read(this.#page, this.#take, awaited)
  }

  readonly #take = (words: Uint32Array, at: number): void => {
    const verdict = this.#parts.replica.apply(words, at)
    if (this.#awaited?.begins(words, at) === true) this.#awaited.decide(verdict)
  }

  /** To the last file that there is; where that has ended, to a new one. */
  #goOn(from: number, beyond: Beyond): SharedFile {
    for (let after = from; ;) {
      const number = this.#next(after) ?? (beyond === 'make' ? this.#make(after + 1) : undefined)
      if (number === undefined) return this.#current()
      after = number
      const file = this.#open(number)
      if (file === undefined) continue
      // Asked before we read: what counts in a file was written before its successor was there.
      const next = this.#next(number)
      this.#read(file)
      if (next === undefined && file.rest !== 'seal') return this.#ours(file)
    }
  }

  /** The number of the file behind this one. One that was there once is not looked for again. */
  #next(after: number): number | undefined {
    const seen = this.#seen.find((number) => number > after)
    if (seen !== undefined) return seen
    this.#seen = readdirSync(this.#parts.directory).flatMap((name) => segmentNumber(name) ?? []).filter((number) => number > after).sort((a, b) => a - b)
    return this.#seen[0]
  }

  #ours(file: SharedFile): SharedFile {
    if (!this.#isOurs) throw this.#lose(ofAnotherRun())
    return file
  }

  /** Whoever is first makes it for all. */
  #make(number: number): number {
    const { directory, origin, clock, random, replica: { time } } = this.#parts
    if (!this.#isOurs) throw this.#lose(ofAnotherRun())
    const ended = this.#file?.number === number - 1 ? this.#file.length : 0
    makeSegment(directory, number, { header: writeHeader(headerNow(origin, clock, { ended, time })), random })
    return number
  }

  /** Undefined where it is gone: everything in it had ended. */
  #open(number: number): SharedFile | undefined {
    const { directory, clock, replica, origin } = this.#parts
    const file = openWhereThere(join(directory, segmentName(number)), number, clock.monotonic())
    if (file === undefined) return undefined
    try {
      const header = this.#check(file)
      this.#leave()
      this.#file = file
      this.#isOurs = header.run === origin.run
      replica.begin(header)
      return file
    } catch (error) {
      if (this.#file !== file) file.close()
      throw error
    }
  }

  /** Damage is not read over: what is damaged may have been a nonce. */
  #check({ path, number, header }: SharedFile): Header {
    if (header === undefined) throw this.#lose(corrupt(path, 0))
    if (header.run !== this.#parts.origin.run && this.#isOurs) throw this.#lose(ofAnotherRun())
    if (this.#file?.isWhole(number, header) === false) throw this.#lose(corrupt(this.#file.path, this.#file.length))
    return header
  }

  #leave(): void {
    const { origin, replica: { time: now, moment } } = this.#parts
    if (this.#file === undefined) return
    this.#file.finish()
    this.#past = withoutEnded([...this.#past, this.#file.leftIn(origin.boot)], { now, moment }, removeFile)
  }

  #lose(why: Error): Error {
    this.#lost = why
    return why
  }
}

function ofAnotherRun(): StoreUnavailable {
  return new StoreUnavailable('another run of the gateway has the nonces')
}

function openWhereThere(path: string, number: number, since: Milliseconds): SharedFile | undefined {
  try {
    return new SharedFile(path, number, since)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
