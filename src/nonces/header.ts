import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import type { Clock, Random } from '../core/ports.ts'
import type { Bytes, Instant, Milliseconds } from '../core/units.ts'
import { entryBytes, sumAt } from './entry.ts'

/** Whose a journal's file is. */
export interface Origin {
  /** Which run of a gateway made it; hexadecimal. */
  readonly run: string
  /** Which start of the machine: the monotonic clock counts from there. Hexadecimal. */
  readonly boot: string
  /** `alone`: one process writes · `shared`: several append to it, and what was claimed stands in it. */
  readonly writers: 'alone' | 'shared'
}

/** The head of a file of a journal: as long as an entry. */
export interface Header extends Origin {
  /** Up to where the file before it counts, as its run has read it; 0 where that is another run's. */
  readonly ended: Bytes
  /** The latest time that stands in the files before it; 0: not known. */
  readonly time: Instant
  /** The clocks of who made it, at that moment. */
  readonly now: Instant
  readonly moment: Milliseconds
}

/** A run of a gateway: nobody else's. */
export function newRun(random: Random): string {
  return Buffer.from(random.bytes(8)).toString('hex')
}

/** Where the machine does not say when it was started, each run counts as a start of its own. */
export function thisBoot(run: string): string {
  try {
    return createHash('sha256').update(readFileSync('/proc/sys/kernel/random/boot_id')).update(timeNamespace()).digest('hex').slice(0, 16)
  } catch {
    return run
  }
}

/** A container may have a monotonic clock of its own: time_namespaces(7), Linux 5.6 and later. */
function timeNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/time')
  } catch {
    return ''
  }
}

/** What the header of a file says that is made now. */
export function headerNow(origin: Origin, clock: Pick<Clock, 'now' | 'monotonic'>, before?: Pick<Header, 'ended' | 'time'>): Header {
  return { ...origin, ended: before?.ended ?? 0, time: before?.time ?? 0, now: clock.now(), moment: clock.monotonic() }
}

export const version = 2
/** `Sallyport nonces`, and the version as the machine holds a word. */
export const magic = makeMagic()
export const versionAt = 16
const runAt = 20
const bootAt = 28
const writersAt = 36
const endedAt = 37
const timeAt = 40
const nowAt = 46
const momentAt = 52

function makeMagic(): Buffer {
  const bytes = Buffer.alloc(20)
  bytes.write('Sallyport nonces', 'latin1')
  new Uint32Array(bytes.buffer, bytes.byteOffset)[4] = version
  return bytes
}

export function writeHeader({ run, boot, writers, ended, time, now, moment }: Header): Uint8Array {
  const bytes = Buffer.alloc(entryBytes)
  magic.copy(bytes)
  bytes.write(run, runAt, 'hex')
  bytes.write(boot, bootAt, 'hex')
  bytes.writeUInt8(writers === 'shared' ? 1 : 0, writersAt)
  bytes.writeUIntLE(ended, endedAt, 3)
  bytes.writeUIntLE(Math.floor(time), timeAt, 6)
  bytes.writeUIntLE(Math.floor(now), nowAt, 6)
  bytes.writeDoubleLE(moment, momentAt)
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
    ended: bytes.readUIntLE(endedAt, 3), time: bytes.readUIntLE(timeAt, 6), now: bytes.readUIntLE(nowAt, 6), moment: bytes.readDoubleLE(momentAt),
  }
}
