import { randomFillSync } from 'node:crypto'
import { makeExchange } from '../../src/outside/exchange.ts'
import type { World } from '../../src/world.ts'
import { StillClock } from './clock.ts'

export interface StillWorld extends World { readonly clock: StillClock; readonly variables: Map<string, string> }

/** A world that stands still, with an environment of its own. */
export function stillWorld(variables: Record<string, string> = {}, now?: number): StillWorld {
  const known = new Map(Object.entries(variables))
  return {
    clock: new StillClock(now), variables: known,
    random: { bytes: (count) => randomFillSync(new Uint8Array(count)) },
    environment: (name) => known.get(name),
    // Nothing in a test calls the internet; one that fetches brings a fetch of its own.
    fetch: () => Promise.reject(new Error('nobody answers')),
    // Whoever is asked listens on loopback.
    exchange: makeExchange(),
  }
}
