import { randomFillSync } from 'node:crypto'
import type { Clock, Exchange, Fetch, Get, Random } from './core/ports.ts'
import { makeExchange } from './outside/exchange.ts'
import { makeFetch } from './outside/fetch.ts'

/** The real clock, randomness and environment. Nothing else in `src` touches them; tests hand in their own. */
export interface World {
  readonly clock: Clock
  readonly random: Random
  readonly environment: (name: string) => string | undefined
  readonly fetch: Fetch
  /** How keys and confirmations are fetched; left out: over HTTPS. Tests have hosts of their own. */
  readonly get?: Get
  readonly exchange: Exchange
}

/** The monotonic clock of the machine, so that its processes agree on a moment; `performance.now` is quick, and a process's own. */
const startedAt = Number(process.hrtime.bigint()) / 1e6 - performance.now()

export const systemWorld: World = {
  clock: {
    now: () => Date.now(),
    monotonic: () => startedAt + performance.now(),
    after: (delay, run) => {
      const timer = setTimeout(run, delay).unref()
      return () => clearTimeout(timer)
    },
  },
  random: pooledRandom(4096),
  environment: (name) => process.env[name],
  fetch: makeFetch(),
  exchange: makeExchange(),
}

/** OpenSSL's generator, asked for a pool at a time: to ask costs as much as dozens of ids do. No byte is given twice. */
function pooledRandom(size: number): Random {
  const pool = new Uint8Array(size)
  let used = size
  return {
    bytes: (count) => {
      if (count > size) return randomFillSync(new Uint8Array(count))
      if (used + count > size) {
        randomFillSync(pool)
        used = 0
      }
      used += count
      return pool.slice(used - count, used)
    },
  }
}
