/**
 * The place behind a number (RFC 8259 section 6) that begins here; undefined where none does. By character: it is asked for every
 * number of a body.
 */
export function numberEnd(source: string, start: number): number | undefined {
  const first = source.charCodeAt(start) === 0x2d ? start + 1 : start
  const whole = source.charCodeAt(first) === 0x30 ? first + 1 : digitsEnd(source, first)
  if (whole === first) return undefined
  const point = source.charCodeAt(whole) === 0x2e
  const fraction = point ? digitsEnd(source, whole + 1) : whole
  if (point && fraction === whole + 1) return undefined
  if ((source.charCodeAt(fraction) | 0x20) !== 0x65) return fraction
  const sign = source.charCodeAt(fraction + 1)
  const exponent = sign === 0x2b || sign === 0x2d ? fraction + 2 : fraction + 1
  const end = digitsEnd(source, exponent)
  return end === exponent ? undefined : end
}

function digitsEnd(source: string, from: number): number {
  let at = from
  for (let code = source.charCodeAt(at); code >= 0x30 && code <= 0x39; code = source.charCodeAt(at)) at += 1
  return at
}
