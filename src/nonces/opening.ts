import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock, Random } from '../core/ports.ts'
import type { Bytes, Instant, Milliseconds } from '../core/units.ts'
import { entryBytes } from './entry.ts'
import { headerNow, readHeader, writeHeader, type Header, type Origin } from './header.ts'
import { segmentName, segmentNumber, type Segment } from './journal.ts'
import { makeSegment, removeDrafts, removeFile } from './new-segment.ts'
import type { Replica } from './replica.ts'
import { mendFile, sealFile, SegmentReader } from './segment.ts'

export interface Opening {
  readonly directory: string
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  readonly random: Random
  /** Whose files of this run are. */
  readonly origin: Origin
  /** Takes in what is there; left out: it is looked through only. */
  readonly replica?: Replica
}

/** What earlier runs left in a directory, and the number of the next file. */
export interface Left { readonly segments: readonly Segment[]; readonly next: number }

interface Found { readonly number: number; readonly path: string; readonly header: Header | undefined }

/** A file that only keeps a number from being taken is of use for so long: what it keeps out ends within a moment. */
const barring: Milliseconds = 3_600_000

/**
 * Looks through a directory that this process has locked, and mends torn tails. Workers of an earlier run, whose first
 * process was killed, may be about to end: a file of this run bars their way, and a seal behind what they wrote makes it
 * final before it is read. Killed at any moment, it can be done once more. Throws `StoreMistake`.
 */
export function readDirectory(opening: Opening): Left {
  const { directory, origin, clock } = opening
  removeDrafts(directory)
  const bar = barOthers(opening)
  try {
    const found = filesOf(directory).filter(({ number }) => number !== bar)
    const segments = readAll(opening, found)
    const last = bar ?? found.at(-1)?.number ?? 0
    const kept: Segment[] = bar === undefined || origin.writers === 'shared' ? [] : [{ path: pathOf(directory, bar), until: clock.now() + barring, ends: 0 }]
    return { segments: [...segments, ...kept], next: last + 1 }
  } catch (error) {
    if (bar !== undefined) removeFile(pathOf(directory, bar))
    throw error
  }
}

function filesOf(directory: string): Found[] {
  const numbers = readdirSync(directory).flatMap((name) => segmentNumber(name) ?? []).sort((a, b) => a - b)
  return numbers.map((number) => ({ number, path: pathOf(directory, number), header: headerOf(pathOf(directory, number)) }))
}

function pathOf(directory: string, number: number): string {
  return join(directory, segmentName(number))
}

function headerOf(path: string): Header | undefined {
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(entryBytes)
    return readHeader(bytes.subarray(0, readSync(file, bytes, 0, entryBytes, 0)))
  } finally {
    closeSync(file)
  }
}

/**
 * A file of this run behind all others: who goes on from the last of another run finds it. Several that share the directory
 * begin with it; for one alone it is made only where others may be about to write. Gives its number.
 */
function barOthers({ directory, origin, clock, random }: Opening): number | undefined {
  for (;;) {
    const last = filesOf(directory).at(-1)
    if (origin.writers === 'alone' && last?.header?.writers !== 'shared') return undefined
    const number = (last?.number ?? 0) + 1
    if (makeSegment(directory, number, { header: writeHeader(headerNow(origin, clock)), random }) === 'made') return number
  }
}

function readAll({ origin, replica }: Opening, found: readonly Found[]): Segment[] {
  const reader = new SegmentReader()
  for (const [at, file] of found.entries()) if (isLastOfItsRun(file, found[at + 1])) sealOff(file.path, reader)
  replica?.table.reserve(found.reduce((sum, { path }) => sum + statSync(path).size, 0) / entryBytes)
  return found.flatMap(({ path, header }, at): Segment[] => {
    const read = reader.read(path, {
      counted: countedBy(header, found[at + 1]),
      head: (head) => { replica?.begin(head) }, entry: (words, where) => { replica?.apply(words, where) },
    })
    if (mendFile(path, read) === 'gone') return []
    // The power failed: what it took from the end of a file that others had gone on from is lost.
    if (header?.writers === 'shared' && read.state !== 'sealed') sealFile(path)
    return [{ path, until: read.until, ends: header?.boot === origin.boot ? read.ends : 0 }]
  })
}

/** Others may still write to it, and go on from it. */
function isLastOfItsRun({ header }: Found, next: Found | undefined): boolean {
  return header?.writers === 'shared' && next?.header?.run !== header.run
}

/** Makes it final for everybody who has it open. */
function sealOff(path: string, reader: SegmentReader): void {
  const read = reader.read(path, { entry: () => undefined })
  if (read.state === 'sealed') return
  if (mendFile(path, read) === 'kept') sealFile(path)
}

/** Up to where a file counts, as the one behind it says; 0: it says nothing of it. */
function countedBy(header: Header | undefined, next: Found | undefined): Bytes {
  return header !== undefined && next?.header?.run === header.run ? next.header.ended : 0
}

/** By the wall clock, as far as it is believed. */
export function livedNow({ lived }: Replica, clock: Pick<Clock, 'now' | 'monotonic'>): Instant {
  return lived.at(clock.now(), clock.monotonic())
}
