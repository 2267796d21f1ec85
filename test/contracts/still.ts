import { randomFillSync } from 'node:crypto'
import type { NonceStore } from '../../src/core/nonce.ts'
import type { Random } from '../../src/core/ports.ts'
import { StillClock } from '../support/clock.ts'
import type { Tried } from './model.ts'

/** What a store by a clock that stands still needs to be tried. */
export interface StillSubject {
  readonly name: string
  readonly survives: Tried['survives']
  readonly open: (tools: { readonly clock: StillClock; readonly random: Random }) => Promise<NonceStore>
  readonly crash: () => void
  readonly wipe: () => void
}

/** A store in this process, by a clock of the test: time passes at once, and exactly. */
export function stillSubject({ open, crash, ...subject }: StillSubject): Tried & { readonly clock: StillClock } {
  const clock = new StillClock()
  const random = { bytes: (count: number) => randomFillSync(new Uint8Array(count)) }
  let error = 0
  return {
    ...subject, clock, grain: 0,
    now: clock.now,
    advance: (time) => clock.advance(time),
    open: () => open({ clock, random }),
    crash: (store) => {
      crash()
      // Nobody looks at this one again: it lets go of its files when the clock passes its leases.
      void store.close()
    },
    setError: (next) => {
      clock.step(next - error)
      error = next
    },
  }
}
