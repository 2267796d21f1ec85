import type { Milliseconds } from '../core/units.ts'

/** A text as JSON writes it. What needs no escape, as nearly all that stands in a record, is put between quotes without asking `JSON.stringify`. */
export function quoted(text: string): string {
  for (let at = 0; at < text.length; at++) if (!isPlain(text.charCodeAt(at))) return JSON.stringify(text)
  return `"${text}"`
}

/** Printable ASCII, but for quotation mark and backslash. */
function isPlain(code: number): boolean {
  return code >= 0x20 && code < 0x7f && code !== 0x22 && code !== 0x5c
}

/** A field behind others; nothing where it has no value. */
export function field(name: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${name}":${quoted(value)}`
}

/** A number as JSON writes it: what is not finite is null. */
export function numeral(value: number): string {
  return Number.isFinite(value) ? `${value}` : 'null'
}

/** The decimals of so many thousandths: nothing, `.001`, …, `.999`. */
const decimals = Array.from({ length: 1_000 }, (_, thousandths) => String(thousandths / 1_000).slice(1))

/** A length of time as JSON writes it, to the microsecond: put together from whole numbers, whose texts the engine keeps; those of fractions it makes anew. */
export function milliseconds(time: Milliseconds): string {
  const micro = Math.round(time * 1_000)
  if (!(micro >= 0 && micro < 1e9)) return numeral(micro / 1_000)
  const thousandths = micro % 1_000
  return `${(micro - thousandths) / 1_000}${decimals[thousandths]}`
}
