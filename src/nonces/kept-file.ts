import { createHash, randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { KeptSecrets } from '../core/kept.ts'
import { StoreUnavailable } from '../core/nonce.ts'

/**
 * One file a secret below the nonces' directory, for this user's eyes only. A link takes its name at once or not at all, so
 * that of several workers one is first.
 */
export function fileKept(directory: string): KeptSecrets {
  const folder = join(directory, '.secrets')
  const pathOf = (name: string): string => join(folder, createHash('sha256').update(name).digest('hex'))
  const read = (name: string): Uint8Array | undefined => orUnavailable(() => readOne(pathOf(name)))
  return {
    read,
    keep: (name, secret) => {
      const made = orUnavailable(() => {
        mkdirSync(folder, { recursive: true, mode: 0o700 })
        return writeOnce(folder, pathOf(name), secret)
      })
      return made || Buffer.compare(read(name) ?? new Uint8Array(), secret) === 0
    },
  }
}

function readOne(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** False: the name is taken. */
function writeOnce(folder: string, path: string, secret: Uint8Array): boolean {
  const draft = join(folder, `.${randomBytes(8).toString('hex')}`)
  try {
    writeWhole(draft, secret)
    linkSync(draft, path)
    syncFolder(folder)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

function writeWhole(path: string, bytes: Uint8Array): void {
  const file = openSync(path, 'wx', 0o600)
  try {
    writeSync(file, bytes)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function syncFolder(folder: string): void {
  const file = openSync(folder, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

function orUnavailable<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw new StoreUnavailable(`the secrets beside the nonces cannot be read or written: ${String(error)}`)
  }
}
