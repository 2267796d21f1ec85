import { randomFillSync } from 'node:crypto'
import type { Clock } from '../../src/core/ports.ts'
import { makeExchange } from '../../src/outside/exchange.ts'
import type { World } from '../../src/world.ts'

/** A clock that stands still until it is told to move. Timers run, in order, when the clock passes them. */
export class StillClock implements Clock {
  #now: number
  #monotonic = 0
  #timers: { readonly delay: number; readonly due: number; readonly run: () => void }[] = []

  constructor(now: number = Date.now()) {
    this.#now = now
  }

  now = (): number => this.#now

  monotonic = (): number => this.#monotonic

  after = (delay: number, run: () => void): (() => void) => {
    const timer = { delay, due: this.#monotonic + delay, run }
    this.#timers.push(timer)
    return () => { this.#timers = this.#timers.filter((other) => other !== timer) }
  }

  /** Time passes: both clocks, and the timers on the way. */
  advance(time: number): void {
    const end = this.#monotonic + time
    const start = this.#now - this.#monotonic
    for (;;) {
      const next = this.#timers.filter((timer) => timer.due <= end).sort((a, b) => a.due - b.due)[0]
      if (next === undefined) break
      this.#timers = this.#timers.filter((timer) => timer !== next)
      this.#monotonic = Math.max(this.#monotonic, next.due)
      this.#now = start + this.#monotonic
      next.run()
    }
    this.#monotonic = end
    this.#now = start + end
  }

  /** Time passes while nothing runs: what came due runs behind it, late. */
  stall(time: number): void {
    this.#monotonic += time
    this.#now += time
    const due = this.#timers.filter((timer) => timer.due <= this.#monotonic)
    this.#timers = this.#timers.filter((timer) => timer.due > this.#monotonic)
    for (const { run } of due) run()
  }

  /** Resolves once somebody waits for so long: what a test lets time pass for has begun by then, however slow the machine. */
  async awaited(delay: number): Promise<void> {
    while (!this.#timers.some((timer) => timer.delay === delay)) await new Promise((resume) => { setImmediate(resume) })
  }

  /** The wall clock alone is set, as by an operator or NTP. */
  step(time: number): void {
    this.#now += time
  }
}

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
