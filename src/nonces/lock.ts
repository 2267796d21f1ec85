import { closeSync, openSync, readdirSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import type { Random } from '../core/ports.ts'
import { StoreMistake } from './mistake.ts'

/** What an owner of a directory holds until it lets go or dies. */
export interface Lock { readonly release: () => Promise<void> }

/** A socket's path may have so many bytes, its closing zero not counted (`sun_path`; 104 on macOS, 108 on Linux). */
const longestSocketPath = 103

/**
 * Takes a directory for this process: undefined where another live process has it.
 *
 * Each owner listens on a socket of a name that is never used again, then asks all others in the directory whether they
 * live. Whom the kernel answers for is alive; who was killed refuses, whatever pid or container it had, and is cleared
 * away. Of two that begin at the same moment each finds the other: at most one goes on.
 */
export async function lockDirectory(directory: string, random: Random): Promise<Lock | undefined> {
  const name = `owner-${Buffer.from(random.bytes(8)).toString('hex')}.sock`
  const reach = reachable(directory, name)
  const server = await listen(join(reach.directory, name), directory)
  let released: Promise<void> | undefined
  // Once: the number of a descriptor is another's as soon as it is closed.
  const lock = { release: () => (released ??= close(server).finally(reach.letGo)) }
  for (const other of readdirSync(directory)) {
    if (!isLockName(other) || other === name) continue
    if (await isAlive(join(reach.directory, other))) {
      await lock.release()
      return undefined
    }
    remove(join(directory, other))
  }
  return lock
}

export function isLockName(name: string): boolean {
  return /^owner-[0-9a-f]{16}\.sock$/.test(name)
}

interface Reach { readonly directory: string; readonly letGo: () => void }

/** A spelling of the directory that is short enough for a socket: by way of an open descriptor, where Linux has that. */
function reachable(directory: string, name: string): Reach {
  if (Buffer.byteLength(join(directory, name)) <= longestSocketPath) return { directory, letGo: () => undefined }
  if (process.platform !== 'linux') {
    throw new StoreMistake(`the path ${directory} is too long for a socket`, 'give the store a directory with a shorter path')
  }
  const descriptor = openSync(directory, 'r')
  return { directory: `/proc/self/fd/${descriptor}`, letGo: () => closeSync(descriptor) }
}

function listen(path: string, directory: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (cause) => reject(new StoreMistake(
      `${directory} cannot be locked: ${cause.message}`, 'put the store on a local disk, in a directory that may be written',
      { cause },
    )))
    server.listen(path, () => resolve(server.unref()))
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => { server.close(() => resolve()) })
}

/** Anything but a plain "nobody is there" counts as alive. */
function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(true))
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'))
    socket.once('close', () => resolve(true))
    socket.once('connect', () => socket.destroy())
  })
}

function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
