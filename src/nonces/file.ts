import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { NonceStore } from '../core/nonce.ts'
import type { Clock, Random } from '../core/ports.ts'
import type { Instant } from '../core/units.ts'
import { fileKept } from './kept-file.ts'
import { Journal, realDisk, segmentNumber, type Disk, type Segment } from './journal.ts'
import { Ledger } from './ledger.ts'
import { isLockName, lockDirectory } from './lock.ts'
import { StoreMistake } from './mistake.ts'
import { entryBytes, SegmentReader } from './segment.ts'

export interface FileStoreTools {
  readonly clock: Clock
  readonly random: Random
  readonly disk?: Disk
}

/** About 1.2 GB of memory when full: a bound against running out of it, far from where most come. */
const fileCapacity = 2 ** 24

/**
 * `file:PATH`, for the processes of one machine: claims and nonces in the memory of one process, commits in a journal
 * under this directory. Throws `StoreMistake` for a directory that is not ours, damaged, taken, or not to be written.
 */
export async function fileStore(directory: string, tools: FileStoreTools): Promise<NonceStore> {
  makeDirectory(directory)
  refuseStrangers(directory)
  const lock = await lockDirectory(directory, tools.random)
  if (lock === undefined) {
    throw new StoreMistake(`another process has the nonces in ${directory}`,
      'stop it, or give this one a directory of its own; several machines share nonces by redis://')
  }
  try {
    return openLedger(directory, tools, lock.release)
  } catch (error) {
    await lock.release()
    throw error
  }
}

function openLedger(directory: string, { clock, disk = realDisk }: FileStoreTools, unlock: () => Promise<void>): Ledger {
  const ledger = new Ledger({
    clock, capacity: fileCapacity, kept: fileKept(directory),
    keep: (record, now) => journal.append(record, now),
    close: () => {
      journal.finish()
      return unlock()
    },
  })
  const names = readdirSync(directory).filter((name) => segmentNumber(name) !== undefined).sort()
  const now = clock.now()
  const segments = readSegments(names.map((name) => join(directory, name)), ledger, now)
  const next = (segmentNumber(names.at(-1) ?? '') ?? 0) + 1
  const journal = new Journal({ directory, clock, disk, next, segments })
  journal.dropExpired(now)
  return ledger
}

function readSegments(paths: readonly string[], ledger: Ledger, now: Instant): Segment[] {
  if (paths.length === 0) return []
  const sizes = paths.map((path) => statSync(path).size)
  ledger.table.reserve(sizes.reduce((sum, size) => sum + size, 0) / entryBytes)
  const reader = new SegmentReader(Math.max(...sizes))
  return paths.map((path) => {
    const { until } = reader.read(path, (words, at) => ledger.restore(words, at, now))
    return { path, until }
  })
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (cause) {
    const isFile = (cause as NodeJS.ErrnoException).code === 'EEXIST'
    throw new StoreMistake(isFile ? `${directory} is a file, not a directory` : `${directory} cannot be made: ${String(cause)}`,
      'name a directory for the nonces that this process may write', { cause })
  }
}

/** A stranger in the directory means that it is not ours to write in. */
function refuseStrangers(directory: string): void {
  const isOurs = (name: string): boolean => segmentNumber(name) !== undefined || isLockName(name)
  const stranger = readdirSync(directory).find((name) => !isOurs(name) && !name.startsWith('.') && name !== 'lost+found')
  if (stranger === undefined) return
  throw new StoreMistake(`${join(directory, stranger)} is not ours`, 'give the store a directory of its own')
}
