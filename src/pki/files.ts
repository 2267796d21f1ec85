import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** Keys are for their owner alone. */
export const secretMode = 0o600
export const publicMode = 0o644

/** Writes a whole file or none: whoever reads meanwhile gets the old one. The mode holds from the first byte on. */
export function writeWhole(file: string, content: string | Uint8Array, mode: number): void {
  mkdirSync(dirname(file), { recursive: true })
  const draft = `${file}.${randomBytes(6).toString('hex')}.new`
  const handle = openSync(draft, 'wx', mode)
  try {
    writeSync(handle, content instanceof Uint8Array ? content : Buffer.from(content))
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(draft, file)
}

export function readText(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}
