import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Bytes } from '../core/units.ts'

/** The files that a configuration names: read at load, relative to the configuration file, and watched afterwards. */
export class ConfigurationFiles {
  readonly base: string
  readonly #read = new Set<string>()

  constructor(configurationFile: string) {
    this.base = dirname(resolve(configurationFile))
    this.#read.add(resolve(configurationFile))
  }

  /** Absolute paths of everything that was read so far. */
  get all(): readonly string[] {
    return [...this.#read]
  }

  absolute(name: string): string {
    return resolve(this.base, name)
  }

  /** The bytes of a file, or why not, in words. */
  read(name: string, cap: Bytes): Uint8Array | { readonly fault: string } {
    const path = this.absolute(name)
    this.#read.add(path)
    try {
      const bytes = readFileSync(path)
      return bytes.length > cap ? { fault: `holds more than ${cap} bytes` } : bytes
    } catch (error) {
      return { fault: faultOf(error) }
    }
  }
}

const faults = new Map([
  ['ENOENT', 'does not exist'], ['EACCES', 'may not be read by this user'], ['EISDIR', 'is a directory'],
])

function faultOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return faults.get(code) ?? `cannot be read (${code === '' ? String(error) : code})`
}

/** `file:../data/nonces` → `file:/…/data/nonces`, relative to the configuration file; anything else as it is. */
export function fileReference(reference: string, files: ConfigurationFiles): string {
  return reference.startsWith('file:') ? `file:${files.absolute(reference.slice('file:'.length))}` : reference
}
