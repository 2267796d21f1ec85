import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { NonceStore } from '../core/nonce.ts'
import type { Clock, Random } from '../core/ports.ts'
import { headerNow, newRun, thisBoot, writeHeader } from './header.ts'
import { fileKept } from './kept-file.ts'
import { Journal, realDisk, segmentNumber, type Disk } from './journal.ts'
import { Ledger } from './ledger.ts'
import { isLockName, lockDirectory, type Lock } from './lock.ts'
import { StoreMistake } from './mistake.ts'
import { livedNow, readDirectory } from './opening.ts'
import { Replica } from './replica.ts'

export interface FileStoreTools {
  readonly clock: Clock
  readonly random: Random
  readonly disk?: Disk
}

/** About 1.2 GB of memory when full: a bound against running out of it, far from where most come. */
export const fileCapacity = 2 ** 24

/**
 * `file:PATH`, for the processes of one machine: claims and nonces in the memory of one process, commits in a journal
 * under this directory. Throws `StoreMistake` for a directory that is not ours, damaged, taken, or not to be written.
 */
export async function fileStore(directory: string, tools: FileStoreTools): Promise<NonceStore> {
  const lock = await takeDirectory(directory, tools.random)
  try {
    return openLedger(directory, tools, lock.release)
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** A directory that several processes have open. */
export interface SharedDirectory {
  /** By this name they join it (`joinDirectory`), for as long as this process does not close it. */
  readonly run: string
  readonly close: () => Promise<void>
}

/**
 * Takes a directory for other processes, which join it: looks through all that is there, mends what was torn, and begins a
 * file of this run. What is left of another run is shut out by that. Throws as `fileStore` does.
 */
export async function shareDirectory(directory: string, { clock, random }: FileStoreTools): Promise<SharedDirectory> {
  const lock = await takeDirectory(directory, random)
  try {
    const run = newRun(random)
    readDirectory({ directory, clock, random, origin: { run, boot: thisBoot(run), writers: 'shared' } })
    return { run, close: lock.release }
  } catch (error) {
    await lock.release()
    throw error
  }
}

async function takeDirectory(directory: string, random: Random): Promise<Lock> {
  makeDirectory(directory)
  refuseStrangers(directory)
  const lock = await lockDirectory(directory, random)
  if (lock !== undefined) return lock
  throw new StoreMistake(`another process has the nonces in ${directory}`,
    'stop it, or give this one a directory of its own; several machines share nonces by redis://')
}

function openLedger(directory: string, { clock, random, disk = realDisk }: FileStoreTools, unlock: () => Promise<void>): Ledger {
  const run = newRun(random)
  const origin = { run, boot: thisBoot(run), writers: 'alone' } as const
  const replica = new Replica(fileCapacity)
  const left = readDirectory({ directory, clock, random, origin, replica })
  replica.begin(headerNow(origin, clock))
  const journal = new Journal({ directory, clock, disk, header: () => writeHeader(headerNow(origin, clock, { ended: 0, time: livedNow(replica, clock) })), ...left })
  journal.dropExpired(livedNow(replica, clock))
  return new Ledger({
    clock, capacity: fileCapacity, kept: fileKept(directory), restored: replica,
    keep: (record, moment) => journal.append(record, moment),
    close: () => {
      journal.finish()
      return unlock()
    },
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
