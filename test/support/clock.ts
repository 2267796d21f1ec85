import type { Clock } from '../../src/core/ports.ts'

/** A clock that stands still until it is told to move. Timers run, in order, when the clock passes them. */
export class StillClock implements Clock {
  #now: number
  #monotonic = 0
  #timers: { readonly delay: number; readonly due: number; readonly run: () => void }[] = []

  constructor(now: number = Date.now()) {
    this.#now = now
  }

  readonly now = (): number => this.#now

  readonly monotonic = (): number => this.#monotonic

  readonly after = (delay: number, run: () => void): (() => void) => {
    const timer = { delay, due: this.#monotonic + delay, run }
    this.#timers.push(timer)
    return () => { this.#timers = this.#timers.filter((other) => other !== timer) }
  }

  /** How many things are to run later. */
  get pending(): number {
    return this.#timers.length
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

  /**
   * Resolves once somebody waits for so long, or that many do: what a test lets time pass for has begun by then, however slow the machine. A gateway
   * waits for a minute anyway, to look at what certificates have expired.
   */
  async awaited(delay: number, many = 1): Promise<void> {
    while (this.#timers.filter((timer) => timer.delay === delay).length < many) await new Promise((resume) => { setImmediate(resume) })
  }

  /** The wall clock alone is set, as by an operator or NTP. */
  step(time: number): void {
    this.#now += time
  }
}
