import type { Instant } from '../core/units.ts'
import { numberAt } from './digits.ts'

/**
 * A date and time of RFC 3339, by position and without a regular expression or a `Date`: it stands on the way of a delivery.
 * Up to nine decimals, of which three count; as ISO 8601 allows, an offset without colon. Undefined for anything else, for
 * days that are not in the calendar, and for leap seconds, which no sender's clock was seen to show. `bare` says what a time without
 * an offset is: RFC 3339 knows none, some senders mean UTC.
 */
export function parseRfc3339(text: string, bare: 'refused' | 'utc' = 'refused'): Instant | undefined {
  if (text.length > 40 || !isPunctuated(text)) return undefined
  const local = localTime(text)
  const point = text.charCodeAt(19) === 0x2e
  const end = point ? endOfDigits(text, 20) : 19
  if (local === undefined || (point && (end === 20 || end > 29))) return undefined
  const offset = bare === 'utc' && end === text.length ? 0 : offsetAt(text, end)
  return offset === undefined ? undefined : local + (point ? thousandths(text, end) : 0) - offset
}

/** `....-..-..T..:..:..`, T in either case. */
function isPunctuated(text: string): boolean {
  return text.charCodeAt(4) === 0x2d && text.charCodeAt(7) === 0x2d && (text.charCodeAt(10) | 0x20) === 0x74
    && text.charCodeAt(13) === 0x3a && text.charCodeAt(16) === 0x3a
}

/** Date and time of day, taken for UTC; undefined where there is no such one. */
function localTime(text: string): number | undefined {
  const year = numberAt(text, 0, 4)
  const month = numberAt(text, 5, 7)
  const day = numberAt(text, 8, 10)
  const hour = numberAt(text, 11, 13)
  const minute = numberAt(text, 14, 16)
  const second = numberAt(text, 17, 19)
  // Comparisons with NaN are false, so what is not all digits ends here, too.
  const exists = month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month) && hour <= 23 && minute <= 59 && second <= 59
  if (!exists) return undefined
  return (((daysSince1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000
}

/**
 * Days between 1970-01-01 and a day of the Gregorian calendar, in years of 365 days that begin in March, so that a leap day comes last.
 * `Date.UTC` says the same at three times the cost, and takes years below 100 for others.
 */
function daysSince1970(year: number, month: number, day: number): number {
  const years = month < 3 ? year - 1 : year
  const inYear = Math.floor((153 * (month < 3 ? month + 9 : month - 3) + 2) / 5)
  return years * 365 + Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400) + inYear + day - 719_469
}

const lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const

function daysOf(year: number, month: number): number {
  if (Number.isNaN(year)) return 0
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return leap ? 29 : lengths[month - 1] ?? 0
}

function endOfDigits(text: string, from: number): number {
  let at = from
  while (!Number.isNaN(numberAt(text, at, at + 1))) at += 1
  return at
}

const tens = [1, 10, 100] as const

/** The first three decimals, as milliseconds. */
function thousandths(text: string, end: number): number {
  const counted = Math.min(end, 23)
  return numberAt(text, 20, counted) * (tens[23 - counted] ?? 1)
}

/** Milliseconds east of Greenwich: `Z`, `+hh:mm` or `+hhmm`, up to the end of the text. */
function offsetAt(text: string, at: number): number | undefined {
  const sign = text.charCodeAt(at)
  if ((sign | 0x20) === 0x7a) return text.length === at + 1 ? 0 : undefined
  if (sign !== 0x2b && sign !== 0x2d) return undefined
  const minutesAt = text.charCodeAt(at + 3) === 0x3a ? at + 4 : at + 3
  const hours = numberAt(text, at + 1, at + 3)
  const minutes = numberAt(text, minutesAt, minutesAt + 2)
  if (text.length !== minutesAt + 2 || !(hours <= 23 && minutes <= 59)) return undefined
  return (hours * 60 + minutes) * (sign === 0x2d ? -60_000 : 60_000)
}
