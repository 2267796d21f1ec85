import type { Cancel, Clock } from '../core/ports.ts'
import type { Milliseconds } from '../core/units.ts'
import { fingerprint } from './files.ts'

const interval: Milliseconds = 1_000

/**
 * Calls `changed` once files differ from what they were when they were read, and have then been still for one look; then
 * again only for a further change. `known` gives each file with its fingerprint of that time, so nothing is missed
 * between reading and watching. `changed` resolves once the new state was read.
 */
export function watchFiles(known: () => ReadonlyMap<string, string>, changed: () => Promise<unknown>, clock: Clock): Cancel {
  let last = ''
  let stopped = false
  let cancel: Cancel = () => {}
  const look = async (): Promise<void> => {
    const then = [...known().values()].join('\n')
    const now = [...known().keys()].map(fingerprint).join('\n')
    if (now !== then && now === last) await changed()
    last = now
    if (!stopped) cancel = clock.after(interval, () => void look())
  }
  cancel = clock.after(interval, () => void look())
  return () => {
    stopped = true
    cancel()
  }
}
