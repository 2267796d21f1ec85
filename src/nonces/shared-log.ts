import { closeSync, constants, fdatasync, linkSync, openSync, readdirSync, readSync, unlinkSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { StoreUnavailable } from '../core/nonce.ts'
import type { Clock, Random } from '../core/ports.ts'
import type { Bytes, Milliseconds } from '../core/units.ts'
import { EntryWriter, entryBytes, entryWords, isOwn, kindOf, kinds, numberOf, type Owner } from './entry.ts'
import { readHeader, writeHeader } from './header.ts'
import { segmentName, segmentNumber } from './journal.ts'
import type { Replica, Verdict } from './replica.ts'
import { isSound, Lifetime, type Lasting } from './segment.ts'

/** After how much and how long a file is followed by another. */
export interface Fill { readonly bytes: Bytes; readonly age: Milliseconds }

export interface SharedLogParts {
  readonly directory: string
  readonly clock: Clock
  readonly random: Random
  readonly run: string
  readonly boot: string
  readonly owner: Owner
  readonly replica: Replica
  readonly fill: Fill
  /** write(2) at the end of the file, as `O_APPEND` has it; gives how much was taken. Tests hand in one that fails. */
  readonly append: typeof writeSync
}

interface Open { readonly number: number; readonly path: string; readonly descriptor: number; readonly since: Milliseconds; readonly lifetime: Lifetime; length: Bytes; state: 'open' | 'ended' }

const readAtOnce = 1_024

/**
 * A journal to which several processes append. The kernel puts what is appended one behind the other (open(2), `O_APPEND`),
 * and what was appended before our own entry can be read once our write has returned. So everybody reads the same
 * entries in the same order, up to his own at least, and that order decides.
 *
 * A file ends with a seal, or with what is unsound (a write that broke off): what stands behind counts for nobody, and is
 * written again to the next.
 */
export class SharedLog {
  readonly #parts: SharedLogParts
  readonly #seal: EntryWriter
  readonly #words = new Uint32Array(readAtOnce * entryWords)
  readonly #bytes = new Uint8Array(this.#words.buffer)
  #past: { readonly path: string; readonly lasting: Lasting }[] = []
  #file: Open | undefined
  #boot: string | undefined
  #isOurs = false
  #isLost = false

  /** Reads everything that is there. Throws `StoreUnavailable` where this run has no file. */
  constructor(parts: SharedLogParts) {
    this.#parts = parts
    this.#seal = new EntryWriter(parts.owner)
    this.#goOn(-1)
    if (!this.#isOurs) throw this.#lose()
  }

  /** Appends an entry of ours and gives what it came to. Throws where it could not be written. */
  tell(entry: Uint8Array, kind: number, number: number): Verdict {
    for (;;) {
      const file = this.#writable()
      const written = this.#parts.append(file.descriptor, entry)
      if (written === 0) throw new Error('the disk took nothing')
      const verdict = this.#read(file, kind, number)
      if (verdict !== undefined) return verdict
      // What stood before ours ended the file, or ours broke off and ends it: it counts for nobody.
      file.state = 'ended'
    }
  }

  /** Takes in what others wrote. */
  follow(): void {
    if (this.#isLost || this.#file === undefined) return
    this.#read(this.#file, 0, 0)
    if (this.#file.state === 'ended') this.#goOn(this.#file.number)
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file.descriptor)
    this.#file = undefined
    this.#isLost = true
  }

  #writable(): Open {
    if (this.#isLost) throw this.#lose()
    const { fill, clock, append } = this.#parts
    let file = this.#file as Open
    if (file.state === 'open' && (file.length >= fill.bytes || (file.length > entryBytes && clock.monotonic() - file.since >= fill.age))) {
      append(file.descriptor, this.#seal.seal())
      this.#read(file, 0, 0)
    }
    if (file.state === 'ended') file = this.#goOn(file.number)
    return file
  }

  /** Reads to the end, or to where the file ends for everybody. Gives what our own entry came to, where it was there. */
  #read(file: Open, kind: number, number: number): Verdict | undefined {
    const { replica, owner } = this.#parts
    const words = this.#words
    let own: Verdict | undefined
    for (;;) {
      const got = readSync(file.descriptor, this.#bytes, 0, this.#bytes.length, file.length)
      for (let at = 0; at + entryWords <= got / 4; at += entryWords) {
        if (!isSound(words, this.#bytes, at)) return own
        if (kindOf(words, at) === kinds.seal) {
          file.state = 'ended'
          return own
        }
        file.length += entryBytes
        file.lifetime.add(words, at)
        const verdict = replica.apply(words, at)
        if (kind !== 0 && kindOf(words, at) === kind && numberOf(words, at) === number && isOwn(words, at, owner)) own = verdict
      }
      if (got < this.#bytes.length) return own
    }
  }

  /** The file after this one, made where there is none; and the one after that, where it has ended already. */
  #goOn(from: number): Open {
    for (let after = from; ;) {
      const number = this.#numbers().find((one) => one > after) ?? this.#make(after + 1)
      const file = this.#open(number)
      after = number
      if (file === undefined) continue
      this.#read(file, 0, 0)
      // A file with a successor has ended, sealed or not.
      if (file.state === 'open' && !this.#numbers().some((one) => one > number)) return file
    }
  }

  #numbers(): number[] {
    return readdirSync(this.#parts.directory).flatMap((name) => segmentNumber(name) ?? []).sort((a, b) => a - b)
  }

  /** Whole from the first moment on; whoever is first makes it for all. */
  #make(number: number): number {
    const { directory, run, boot, random } = this.#parts
    if (!this.#isOurs) throw this.#lose()
    const draft = join(directory, `.${Buffer.from(random.bytes(8)).toString('hex')}.new`)
    try {
      writeFileSync(draft, writeHeader({ run, boot, writers: 'shared' }), { mode: 0o600 })
      linkSync(draft, join(directory, segmentName(number)))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      remove(draft)
    }
    return number
  }

  /** Undefined where it is gone: everything in it had ended. */
  #open(number: number): Open | undefined {
    const { directory, clock } = this.#parts
    const path = join(directory, segmentName(number))
    let descriptor: number
    try {
      descriptor = openSync(path, constants.O_RDWR | constants.O_APPEND)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    this.#leave()
    this.#file = { number, path, descriptor, since: clock.monotonic(), lifetime: new Lifetime(), length: entryBytes, state: 'open' }
    this.#enter(this.#file)
    return this.#file
  }

  #enter({ descriptor }: Open): void {
    const { run, replica } = this.#parts
    const head = Buffer.alloc(entryBytes)
    const header = readHeader(head.subarray(0, readSync(descriptor, head, 0, entryBytes, 0)))
    // Another run has the directory: this process outlived its own.
    if (header?.run !== run && this.#isOurs) throw this.#lose()
    if (header === undefined) return
    this.#isOurs = header.run === run
    if (header.boot === this.#boot) return
    this.#boot = header.boot
    this.#past = this.#past.map(({ path, lasting: { until } }) => ({ path, lasting: { until, ends: 0 } }))
    replica.reboot()
  }

  #leave(): void {
    const { replica } = this.#parts
    if (this.#file === undefined) return
    const { descriptor, path, lifetime } = this.#file
    fdatasync(descriptor, () => closeSync(descriptor))
    this.#past = [...this.#past, { path, lasting: lifetime }].filter(({ path: old, lasting: { until, ends } }) => {
      return until > replica.time || ends > replica.moment || !remove(old)
    })
  }

  #lose(): StoreUnavailable {
    this.#isLost = true
    return new StoreUnavailable('another run of the gateway has the nonces')
  }
}

/** One that cannot be removed is tried again the next time. */
function remove(path: string): boolean {
  try {
    unlinkSync(path)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}
