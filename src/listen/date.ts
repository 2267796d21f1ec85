import type { Clock } from '../core/ports.ts'
import type { Instant } from '../core/units.ts'

const second = 1_000

/** `Date` as RFC 9110 §5.6.7 writes it, made once a second. */
export function httpDate({ now }: Pick<Clock, 'now'>): () => string {
  let of: Instant = -Infinity
  let text = ''
  return () => {
    const at = Math.floor(now() / second) * second
    if (at !== of) [of, text] = [at, new Date(at).toUTCString()]
    return text
  }
}
