import { linkSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../core/ports.ts'
import { segmentName } from './journal.ts'

/**
 * A new file of a journal, whole from its first moment on: it is written under another name and linked (link(2)). `taken`:
 * somebody else was first.
 */
export function makeSegment(directory: string, number: number, { header, random }: { readonly header: Uint8Array; readonly random: Random }): 'made' | 'taken' {
  const draft = join(directory, `.${Buffer.from(random.bytes(8)).toString('hex')}.new`)
  try {
    writeFileSync(draft, header, { flag: 'wx', mode: 0o600 })
    linkSync(draft, join(directory, segmentName(number)))
    return 'made'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return 'taken'
  } finally {
    removeFile(draft)
  }
}

/** What a process left that died while it made a file. */
export function removeDrafts(directory: string): void {
  for (const name of readdirSync(directory)) if (/^\.[0-9a-f]{16}\.new$/.test(name)) removeFile(join(directory, name))
}

/** One that cannot be removed is tried again the next time. */
export function removeFile(path: string): boolean {
  try {
    unlinkSync(path)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}
