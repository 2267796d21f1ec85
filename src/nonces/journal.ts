import { closeSync, fdatasync, openSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../core/ports.ts'
import type { Bytes, Instant, Milliseconds } from '../core/units.ts'
import { untilOf } from './record.ts'
import { EntryWriter, entryBytes } from './entry.ts'
import { segmentBytes, type Lasting } from './segment.ts'

/** The disk, as far as a journal writes to it; tests hand in one that fails. */
export interface Disk {
  readonly create: (path: string) => number
  /** Gives how many bytes it wrote: fewer than asked where the disk is full. */
  readonly write: (file: number, bytes: Uint8Array, at: Bytes) => Bytes
  /** Has it all written to the medium, in its own time, and closes. */
  readonly finish: (file: number) => void
  readonly remove: (path: string) => void
}

export const realDisk: Disk = {
  create: (path) => openSync(path, 'wx', 0o600),
  write: (file, bytes, at) => writeSync(file, bytes, 0, bytes.length, at),
  // The bytes are safe from our own end already; an error here changes nothing that we promised.
  finish: (file) => fdatasync(file, () => closeSync(file)),
  remove: (path) => unlinkSync(path),
}

/** A file is followed by another after this time, so that no nonce keeps it for long that ends earlier than the rest. */
const longest: Milliseconds = 3_600_000

/** A file that was finished, and how long it is of use. */
export interface Segment extends Lasting { readonly path: string }

export interface JournalParts {
  readonly directory: string
  readonly clock: Clock
  readonly disk: Disk
  /** The number of the first file to write; no file with it or a higher one is there. */
  readonly next: number
  /** What a file begins with that is made now. */
  readonly header: () => Uint8Array
  /** What earlier processes left. */
  readonly segments: readonly Segment[]
}

/**
 * Appends records, each with one write(2) before `append` returns: the bytes are the kernel's then and outlive a kill -9.
 * They are not forced to the medium, so a power failure may cost the last of them (docs/replay.md).
 */
export class Journal {
  readonly #parts: JournalParts
  readonly #writer = new EntryWriter()
  #segments: readonly Segment[]
  #next: number
  #file: OpenSegment | undefined

  constructor(parts: JournalParts) {
    this.#parts = parts
    this.#segments = parts.segments
    this.#next = parts.next
  }

  /** Throws where the disk refuses; the next call begins a new file. `now`: what has ended by then may go. */
  append(record: Uint32Array, now: Instant): void {
    const file = this.#writable(now)
    const { bytes } = this.#writer.kept(record)
    try {
      writeWhole(this.#parts.disk, file.descriptor, bytes, file.length)
    } catch (error) {
      this.finish()
      throw error
    }
    file.length += bytes.length
    file.until = Math.max(file.until, untilOf(record, 0))
  }

  /** Lets go of the file that is being written. */
  finish(): void {
    if (this.#file === undefined) return
    const { path, until, descriptor } = this.#file
    this.#segments = [...this.#segments, { path, until, ends: 0 }]
    this.#file = undefined
    this.#parts.disk.finish(descriptor)
  }

  /** Removes the files in which every nonce and every claim has ended. One that cannot be removed is tried again the next time. */
  dropExpired(now: Instant): void {
    this.#segments = withoutEnded(this.#segments, { now, moment: this.#parts.clock.monotonic() }, (path) => this.#remove(path))
  }

  #remove(path: string): boolean {
    try {
      this.#parts.disk.remove(path)
      return true
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ENOENT'
    }
  }

  #writable(now: Instant): OpenSegment {
    const moment = this.#parts.clock.monotonic()
    if (this.#file !== undefined && (this.#file.length + entryBytes > segmentBytes || moment >= this.#file.ends)) {
      this.finish()
      this.dropExpired(now)
    }
    this.#file ??= this.#create(moment)
    return this.#file
  }

  #create(moment: Milliseconds): OpenSegment {
    const { directory, disk } = this.#parts
    const header = this.#parts.header()
    const path = join(directory, segmentName(this.#next))
    const descriptor = disk.create(path)
    this.#next++
    const file: OpenSegment = { path, descriptor, length: 0, until: 0, ends: moment + longest }
    try {
      writeWhole(disk, descriptor, header, 0)
    } catch (error) {
      disk.finish(descriptor)
      disk.remove(path)
      throw error
    }
    file.length = header.length
    return file
  }
}

interface OpenSegment {
  readonly path: string
  readonly descriptor: number
  /** By the monotonic clock. */
  readonly ends: Milliseconds
  length: Bytes
  until: Instant
}

/**
 * Files in their order without those that are of no use any more, which `remove` takes away. What became of a claim may
 * stand in a later file: that one is kept for as long as any claim before it may stand.
 */
export function withoutEnded(
  files: readonly Segment[], { now, moment }: { readonly now: Instant; readonly moment: Milliseconds }, remove: (path: string) => boolean,
): readonly Segment[] {
  let stands: Milliseconds = 0
  return files.filter(({ path, until, ends }) => {
    stands = Math.max(stands, ends)
    return until > now || stands > moment || !remove(path)
  })
}

function writeWhole(disk: Disk, descriptor: number, bytes: Uint8Array, at: Bytes): void {
  const written = disk.write(descriptor, bytes, at)
  if (written !== bytes.length) throw new Error(`the disk took ${written} of ${bytes.length} bytes`)
}

export function segmentName(number: number): string {
  return `${String(number).padStart(12, '0')}.nonces`
}

/** The number in a file name of ours; undefined for any other name. */
export function segmentNumber(name: string): number | undefined {
  return /^\d{12}\.nonces$/.test(name) ? Number(name.slice(0, 12)) : undefined
}
