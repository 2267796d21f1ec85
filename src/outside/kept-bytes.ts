import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KeptBytes } from '../core/ports.ts'

/** Keeps what was fetched over restarts, one file a URL, off the event loop: it may be many megabytes. */
export function keepBytes(directory: string): KeptBytes {
  // A name that no URL can lead out of the directory.
  const fileOf = (url: string): string => join(directory, `${createHash('sha256').update(url).digest('hex')}.bytes`)
  return {
    // Missing or unreadable: it is fetched anew, and until then nothing is known.
    read: (url) => readFile(fileOf(url)).catch(() => undefined),
    async write(url, bytes) {
      const file = fileOf(url)
      const part = `${file}.${process.pid}.part`
      await mkdir(directory, { recursive: true, mode: 0o700 })
      await writeFile(part, bytes, { mode: 0o600 })
      await rename(part, file)
    },
  }
}
