import { readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Bytes } from '../core/units.ts'

/** The files that a configuration names: read at load, relative to the configuration file, and watched afterwards. */
export class ConfigurationFiles {
  /** The configuration file itself, as it was named. */
  readonly configuration: string
  readonly base: string
  readonly #read = new Map<string, string>()

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
  read(name: string, cap: Bytes): Uint8Array | { readonly fault: string } {
    const path = this.absolute(name)
    this.#note(path)
    try {
      const bytes = readFileSync(path)
      return bytes.length > cap ? { fault: `holds more than ${cap} bytes` } : bytes
    } catch (error) {
      return { fault: faultOf(error) }
    }
  }

  /** The same, of a file that need not be there: undefined where it is not. It is watched all the same. */
  readIfThere(name: string, cap: Bytes): Uint8Array | { readonly fault: string } | undefined {
    const found = this.read(name, cap)
    return 'fault' in found && found.fault === notThere ? undefined : found
  }

  /** Before the first byte is read: a change while reading is a change. */
  #note(path: string): void {
    if (!this.#read.has(path)) this.#read.set(path, fingerprint(path))
  }
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
