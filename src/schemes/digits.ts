/** ASCII digits as numbers: no sign, no exponent, no white space, which `Number` and `parseInt` all take. */

/** The number that is spelled between two places; NaN where anything there is no digit, or beyond the end. Exact up to 15 digits. */
export function numberAt(text: string, from: number, to: number): number {
  let value = 0
  for (let at = from; at < to; at += 1) {
    const digit = text.charCodeAt(at) - 0x30
    if (!(digit >= 0 && digit <= 9)) return Number.NaN
    value = value * 10 + digit
  }
  return value
}

/** Digits only, and at least one. */
export function isDigits(text: string): boolean {
  return text.length > 0 && !Number.isNaN(numberAt(text, 0, text.length))
}
