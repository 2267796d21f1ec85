import { randomFillSync } from 'node:crypto'
import type { Clock, Random } from './core/ports.ts'

/** The real clock, randomness and environment. Nothing else in `src` touches them; tests hand in their own. */
export interface World {
  readonly clock: Clock
  readonly random: Random
  readonly environment: (name: string) => string | undefined
}

export const systemWorld: World = {
  clock: {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after: (delay, run) => {
      const timer = setTimeout(run, delay).unref()
      return () => clearTimeout(timer)
    },
  },
  random: { bytes: (count) => randomFillSync(new Uint8Array(count)) },
  environment: (name) => process.env[name],
}
