import type { Instant } from '../core/units.ts'
import { numberAt } from './digits.ts'
import { parseRfc3339 } from './rfc3339.ts'

/** How senders write the time. */
export const timeUnits = ['seconds', 'milliseconds', 'epoch', 'rfc3339', 'iso8601', 'http-date'] as const
export type TimeUnit = (typeof timeUnits)[number]

/**
 * The time that a text says; undefined where it says none. Strict: ASCII digits, no sign, no exponent, no white space;
 * dates exist in the calendar. `rfc3339` takes up to nine decimals and, as ISO 8601 allows, an offset without colon;
 * `iso8601` also a time without an offset, which is UTC. `epoch` is milliseconds from 12 digits on and seconds below (the
 * two meet in the year 5138), for senders whose own pages do not agree.
 */
export function parseTime(text: string, unit: TimeUnit): Instant | undefined {
  if (unit === 'seconds') return scaled(text, 11, 1000)
  if (unit === 'milliseconds') return scaled(text, 14, 1)
  if (unit === 'epoch') return text.length < 12 ? scaled(text, 11, 1000) : scaled(text, 14, 1)
  if (unit === 'iso8601') return parseRfc3339(text, 'utc')
  return unit === 'rfc3339' ? parseRfc3339(text) : httpDate(text)
}

/** The other way: a time as a sender writes it. */
export function formatTime(at: Instant, unit: TimeUnit): string {
  if (unit === 'seconds' || unit === 'epoch') return String(Math.floor(at / 1000))
  if (unit === 'milliseconds') return String(Math.floor(at))
  if (unit === 'iso8601') return new Date(at).toISOString().slice(0, -1)
  return unit === 'rfc3339' ? new Date(at).toISOString() : new Date(at).toUTCString()
}

function scaled(text: string, digits: number, factor: number): Instant | undefined {
  if (text.length === 0 || text.length > digits) return undefined
  const value = numberAt(text, 0, text.length)
  return Number.isNaN(value) ? undefined : value * factor
}

/** IMF-fixdate (RFC 9110 section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`, and nothing else. */
function httpDate(text: string): Instant | undefined {
  if (text.length !== 29) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) || new Date(at).toUTCString() !== text ? undefined : at
}
