import type { Instant, Milliseconds } from '../core/units.ts'

/** When a URL counts as unhealthy, and for how long. */
export interface HealthRules {
  /** Failures in a row. */
  readonly unhealthyAfter: number
  readonly retryAfter: Milliseconds
}

/** How one URL of a receiver has been doing with the deliveries that it was sent: nobody asks it anything else. */
export class Health {
  /** Monotonic time until which this one is left alone. */
  restsUntil: Instant = -Infinity
  #failures = 0

  succeeded(): void {
    this.#failures = 0
    this.restsUntil = -Infinity
  }

  failed(now: Instant, { unhealthyAfter, retryAfter }: HealthRules): void {
    this.#failures++
    if (this.#failures >= unhealthyAfter) this.restsUntil = now + retryAfter
  }
}

/** The healthy ones in turn, then the others: the one that comes back first is asked first. */
export function healthiestFirst<T extends { readonly health: Health }>(all: readonly T[], turn: number, now: Instant): readonly T[] {
  if (all.length === 1) return all
  const from = turn % all.length
  return [...all.slice(from), ...all.slice(0, from)].sort((a, b) => Math.max(a.health.restsUntil, now) - Math.max(b.health.restsUntil, now))
}
