import type { Clock } from '../../src/core/ports.ts'

/** A clock that stands still until it is told to go on; what was to run later runs then, in order. */
export class StillClock implements Clock {
  #at = 0
  readonly #start: number
  #waiting: { readonly at: number; readonly run: () => void }[] = []

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#start = start
  }

  readonly now = () => this.#start + this.#at
  readonly monotonic = () => this.#at
  readonly after = (delay: number, run: () => void) => {
    const entry = { at: this.#at + delay, run }
    this.#waiting.push(entry)
    return () => { this.#waiting = this.#waiting.filter((other) => other !== entry) }
  }

  /** How many things are to run later. */
  get pending(): number {
    return this.#waiting.length
  }

  advance(milliseconds: number): void {
    const end = this.#at + milliseconds
    for (;;) {
      const [next] = this.#waiting.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      this.#waiting = this.#waiting.filter((other) => other !== next)
      this.#at = next.at
      next.run()
    }
    this.#at = end
  }
}
