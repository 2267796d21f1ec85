import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Instant, Milliseconds } from '../core/units.ts'
import { entryBytes } from './entry.ts'
import { writeHeader, type Header } from './header.ts'
import { segmentName, segmentNumber, type Segment } from './journal.ts'
import type { Replica } from './replica.ts'
import { mendFile, sealFile, SegmentReader, type Read } from './segment.ts'

export interface Opening {
  readonly directory: string
  readonly now: Instant
  /** What files of this run begin with. */
  readonly header: Header
  /** Takes in what is there; left out: it is looked through only. */
  readonly replica?: Replica
}

/** What earlier runs left in a directory, and the number of the next file. */
export interface Left { readonly segments: readonly Segment[]; readonly next: number }

/** A file that only keeps a number from being taken is of use for so long: what it keeps out ends within a moment. */
const barring: Milliseconds = 3_600_000

/**
 * Looks through a directory that this process has locked, and mends torn tails. Workers of an earlier run, whose first
 * process was killed, may be about to end: a file of this run bars their way, and a seal behind what they wrote makes it
 * final before it is read. Throws `StoreMistake`.
 */
export function readDirectory(opening: Opening): Left {
  const { directory, header, now, replica } = opening
  const paths = readdirSync(directory).filter((name) => segmentNumber(name) !== undefined).sort().map((name) => join(directory, name))
  const sizes = paths.map((path) => statSync(path).size)
  const reader = new SegmentReader(Math.max(entryBytes, ...sizes))
  const bar = barOthers(opening, paths, reader)
  replica?.table.reserve(sizes.reduce((sum, size) => sum + size, 0) / entryBytes)
  let boot = header.boot
  const follow = ({ boot: next }: Header): void => {
    if (next !== boot) replica?.reboot()
    boot = next
  }
  const segments = paths.flatMap((path): Segment[] => {
    const read = reader.read(path, { head: follow, entry: (words, at) => { replica?.apply(words, at) } })
    if (mendFile(path, read) === 'gone') return []
    return [{ path, until: read.until, ends: read.header?.boot === header.boot ? read.ends : 0 }]
  })
  if (boot !== header.boot) replica?.reboot()
  const kept = bar.path === undefined || header.writers === 'shared' ? [] : [{ path: bar.path, until: now + barring, ends: 0 }]
  return { segments: [...segments, ...kept], next: bar.next }
}

/** Where others may still write, they find a file of this run behind theirs, and theirs sealed. */
function barOthers({ directory, header }: Opening, paths: readonly string[], reader: SegmentReader): { readonly next: number; readonly path?: string } {
  const last = paths.at(-1)
  const number = last === undefined ? 0 : segmentNumber(last.slice(directory.length + 1)) ?? 0
  const read = last === undefined ? undefined : reader.read(last, { entry: () => undefined })
  const isOpen = read?.header?.writers === 'shared' && read.state !== 'sealed'
  if (header.writers === 'alone' && !isOpen) return { next: number + 1 }
  const path = join(directory, segmentName(number + 1))
  writeFileSync(path, writeHeader(header), { flag: 'wx', mode: 0o600 })
  if (isOpen && last !== undefined) sealOff(last, read)
  return { next: number + 2, path }
}

function sealOff(path: string, read: Read): void {
  if (mendFile(path, read) === 'kept') sealFile(path)
}
