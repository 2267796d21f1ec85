import { realpathSync, statSync } from 'node:fs'
import type { Cancel, Clock } from '../core/ports.ts'
import type { Milliseconds } from '../core/units.ts'

const interval: Milliseconds = 1_000

/**
 * Calls `changed` once the files differ from what they were and have then been still for one look. Looking at
 * inode, size and time of what a name leads to sees renames, symbolic links that are swapped (Kubernetes) and writes in
 * place alike, on every file system.
 */
export function watchFiles(files: () => readonly string[], changed: () => unknown, clock: Clock): Cancel {
  let seen = fingerprint(files())
  let restless = false
  let cancel: Cancel = () => {}
  const look = (): void => {
    const now = fingerprint(files())
    if (now !== seen) restless = true
    else if (restless) {
      restless = false
      changed()
    }
    seen = now
    cancel = clock.after(interval, look)
  }
  cancel = clock.after(interval, look)
  return () => cancel()
}

function fingerprint(files: readonly string[]): string {
  return files.map(fingerprintOf).join('\n')
}

function fingerprintOf(file: string): string {
  try {
    const path = realpathSync(file)
    const { ino, size, mtimeMs } = statSync(path)
    return `${path} ${ino} ${size} ${mtimeMs}`
  } catch {
    return `${file} is not there`
  }
}
