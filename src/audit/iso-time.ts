import type { Instant } from '../core/units.ts'

/** Of the second that was asked for last, for many records are of the same: its text up to the decimals. */
let lastSecond = NaN
let lastText = ''

/** An instant as `Date.prototype.toISOString` writes it: `2026-01-01T00:00:00.000Z`. Throws a `RangeError` for what no date can be. */
export function isoTime(at: Instant): string {
  const whole = Math.trunc(at)
  const second = Math.floor(whole / 1_000)
  if (second !== lastSecond) {
    lastText = new Date(second * 1_000).toISOString().slice(0, -'000Z'.length)
    lastSecond = second
  }
  return `${lastText}${String(whole - second * 1_000).padStart(3, '0')}Z`
}
