import { readFileSync, realpathSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Bytes } from '../core/units.ts'

/** The files that a configuration names: read at load, relative to the configuration file, and watched afterwards. */
export class ConfigurationFiles {
  /** The configuration file itself, as it was named. */
  readonly configuration: string
  readonly base: string
  readonly #read = new Map<string, string>()
  readonly #ahead = new Map<string, Uint8Array | Fault>()

  constructor(configurationFile: string) {
    this.configuration = configurationFile
    this.base = dirname(resolve(configurationFile))
    this.#note(resolve(configurationFile))
  }

  /** Absolute paths of everything that was read so far, each with its fingerprint of that time. */
  get all(): ReadonlyMap<string, string> {
    return this.#read
  }

  absolute(name: string): string {
    return resolve(this.base, name)
  }

  /** The bytes of a file, or why not, in words. */
  read(name: string, cap: Bytes): Uint8Array | Fault {
    const path = this.absolute(name)
    this.#note(path)
    try {
      return this.#ahead.get(path) ?? fitting(readFileSync(path), cap)
    } catch (error) {
      return { fault: faultOf(error) }
    }
  }

  /** The same off the event loop, for a file of many megabytes; `read` gives these very bytes then, until `forget`. */
  async readAhead(name: string, cap: Bytes): Promise<Uint8Array | Fault> {
    const path = this.absolute(name)
    this.#note(path)
    const bytes = this.#ahead.get(path) ?? await readFile(path).then((all) => fitting(all, cap), (error: unknown) => ({ fault: faultOf(error) }))
    this.#ahead.set(path, bytes)
    return bytes
  }

  /** Lets go of what was read ahead. */
  forget(): void {
    this.#ahead.clear()
  }

  /** The same, of a file that need not be there: undefined where it is not. It is watched all the same. */
  readIfThere(name: string, cap: Bytes): Uint8Array | Fault | undefined {
    const found = this.read(name, cap)
    return 'fault' in found && found.fault === notThere ? undefined : found
  }

  /** Before the first byte is read: a change while reading is a change. */
  #note(path: string): void {
    if (!this.#read.has(path)) this.#read.set(path, fingerprint(path))
  }
}

export interface Fault { readonly fault: string }

function fitting(bytes: Uint8Array, cap: Bytes): Uint8Array | Fault {
  return bytes.length > cap ? { fault: `holds more than ${cap} bytes` } : bytes
}

/**
 * Inode, size and time of what a name leads to: sees renames, symbolic links that are swapped (Kubernetes) and writes in
 * place alike, on every file system.
 */
export function fingerprint(file: string): string {
  try {
    const path = realpathSync(file)
    const { ino, size, mtimeMs } = statSync(path)
    return `${path} ${ino} ${size} ${mtimeMs}`
  } catch {
    return `${file} is not there`
  }
}

const notThere = 'does not exist'
const faults = new Map([
  ['ENOENT', notThere], ['EACCES', 'may not be read by this user'], ['EISDIR', 'is a directory'],
])

function faultOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return faults.get(code) ?? `cannot be read (${code === '' ? String(error) : code})`
}

/** `file:../data/nonces` → `file:/…/data/nonces`, relative to the configuration file; anything else as it is. */
export function fileReference(reference: string, files: ConfigurationFiles): string {
  return reference.startsWith('file:') ? `file:${files.absolute(reference.slice('file:'.length))}` : reference
}
