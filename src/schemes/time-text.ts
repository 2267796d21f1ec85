import type { Instant } from '../core/units.ts'

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
  if (unit === 'iso8601') return rfc3339(text) ?? rfc3339(`${text}Z`)
  return unit === 'rfc3339' ? rfc3339(text) : httpDate(text)
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
  return isDigits(text) ? Number(text) * factor : undefined
}

/** ASCII digits only. */
export function isDigits(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code < 0x30 || code > 0x39) return false
  }
  return text.length > 0
}

const instant =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?([Zz]|([+-])([0-9]{2}):?([0-9]{2}))$/

function rfc3339(text: string): Instant | undefined {
  const found = text.length <= 40 ? instant.exec(text) : null
  if (found === null) return undefined
  const [, day, clock, fraction, , sign, hours, minutes] = found
  const local = existing(`${day}T${clock}.000Z`)
  const offset = offsetOf(sign, hours, minutes)
  if (local === undefined || offset === undefined) return undefined
  return local - offset + Number((fraction ?? '').padEnd(3, '0').slice(0, 3))
}

/** Milliseconds east of Greenwich. */
function offsetOf(sign: string | undefined, hours: string | undefined, minutes: string | undefined): number | undefined {
  if (sign === undefined) return 0
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined
  return (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -60_000 : 60_000)
}

/** A date that survives the way there and back: 30 February becomes 2 March, and is refused. */
function existing(text: string): Instant | undefined {
  const at = Date.parse(text)
  return Number.isNaN(at) || new Date(at).toISOString() !== text ? undefined : at
}

/** IMF-fixdate (RFC 9110 section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`, and nothing else. */
function httpDate(text: string): Instant | undefined {
  if (text.length !== 29) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) || new Date(at).toUTCString() !== text ? undefined : at
}
