import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import type { Random } from '../core/ports.ts'
import { entryBytes, sumAt } from './entry.ts'

/** The head of a file of a journal: as long as an entry. */
export interface Header {
  /** Which run of a gateway made it; hexadecimal. */
  readonly run: string
  /** Which start of the machine: the monotonic clock counts from there. Hexadecimal. */
  readonly boot: string
  /** `alone`: one process writes · `shared`: several append to it, and what was claimed stands in it. */
  readonly writers: 'alone' | 'shared'
}

/** A run of a gateway: nobody else's. */
export function newRun(random: Random): string {
  return Buffer.from(random.bytes(8)).toString('hex')
}

/** Where the machine does not say when it was started, each run counts as a start of its own. */
export function thisBoot(run: string): string {
  try {
    return createHash('sha256').update(readFileSync('/proc/sys/kernel/random/boot_id')).digest('hex').slice(0, 16)
  } catch {
    return run
  }
}

const version = 2
/** `Sallyport nonces`, and the version as the machine holds a word. */
export const magic = makeMagic()
const runAt = 20
const bootAt = 28
const writersAt = 36

function makeMagic(): Buffer {
  const bytes = Buffer.alloc(20)
  bytes.write('Sallyport nonces', 'latin1')
  new Uint32Array(bytes.buffer, bytes.byteOffset)[4] = version
  return bytes
}

export function writeHeader({ run, boot, writers }: Header): Uint8Array {
  const bytes = Buffer.alloc(entryBytes)
  magic.copy(bytes)
  bytes.write(run, runAt, 'hex')
  bytes.write(boot, bootAt, 'hex')
  bytes.writeUInt8(writers === 'shared' ? 1 : 0, writersAt)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, sumAt)), sumAt)
  return bytes
}

/** Undefined where these bytes are no header of ours, whole and sound. */
export function readHeader(bytes: Buffer): Header | undefined {
  if (bytes.length !== entryBytes || !bytes.subarray(0, magic.length).equals(magic)) return undefined
  if (bytes.readUInt32LE(sumAt) !== crc32(bytes.subarray(0, sumAt))) return undefined
  return {
    run: bytes.toString('hex', runAt, runAt + 8), boot: bytes.toString('hex', bootAt, bootAt + 8),
    writers: bytes.readUInt8(writersAt) === 1 ? 'shared' : 'alone',
  }
}
