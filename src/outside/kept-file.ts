import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Instant } from '../core/units.ts'

/** The last good text of a publication, as it is kept over restarts. */
export interface Kept { readonly text: string; readonly at: Instant }

/** Reads what was kept of this URL; undefined where nothing was, or where it is not what we wrote. */
export function readKept(directory: string, url: string): Kept | undefined {
  try {
    const kept: unknown = JSON.parse(readFileSync(fileOf(directory, url), 'utf8'))
    return isKept(kept) && kept.url === url ? { text: kept.text, at: kept.at } : undefined
  } catch {
    // Missing or torn: it is fetched anew, and until then nothing is known.
    return undefined
  }
}

function isKept(value: unknown): value is Kept & { readonly url: string } {
  if (typeof value !== 'object' || value === null) return false
  const { url, text, at } = value as Record<string, unknown>
  return typeof url === 'string' && typeof text === 'string' && Number.isSafeInteger(at)
}

/** Writes it whole or not at all. Throws what the file system throws. */
export function writeKept(directory: string, url: string, kept: Kept): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const file = fileOf(directory, url)
  const part = `${file}.${process.pid}.part`
  writeFileSync(part, JSON.stringify({ url, ...kept }), { mode: 0o600 })
  renameSync(part, file)
}

/** A name that no URL can lead out of the directory. */
function fileOf(directory: string, url: string): string {
  return join(directory, `${createHash('sha256').update(url).digest('hex')}.json`)
}
