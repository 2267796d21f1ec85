import type { Instant, Milliseconds } from './units.ts'

/** How far a signed time may be from now. Both edges are inside. */
export interface Window {
  readonly past: Milliseconds
  readonly future: Milliseconds
}

/** Is the signed time near enough? Undefined where it is. A time that is no number is never near enough. */
export function checkTime(
  signedAt: Instant, now: Instant, window: Window,
): 'timestamp-expired' | 'timestamp-in-future' | undefined {
  const age = now - signedAt
  if (age < 0) return -age <= window.future ? undefined : 'timestamp-in-future'
  return age <= window.past ? undefined : 'timestamp-expired'
}
