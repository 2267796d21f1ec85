import { isDigits } from './digits.ts'
import { sortedPairs, type Pair } from './form.ts'

/**
 * A form as PHP's `serialize(ksort($_POST))` writes it, but for one field: what Paddle Classic signs. Lengths count bytes,
 * and text here holds one character a byte.
 *
 * Undefined for forms that PHP would turn into something else: a name twice (the last one would count), names with brackets,
 * dots or blanks (they become arrays or are renamed), names of digits (they become numbers, and are sorted as such).
 */
export function serializeForm(pairs: readonly Pair[], without: string): string | undefined {
  const sorted = sortedPairs(pairs.filter(([name]) => name !== without))
  let text = `a:${sorted.length}:{`
  let before: string | undefined
  for (const [name, value] of sorted) {
    if (!isPlain(name) || name === before) return undefined
    before = name
    text += `${quoted(name)}${quoted(value)}`
  }
  return `${text}}`
}

function quoted(text: string): string {
  return `s:${text.length}:"${text}";`
}

function isPlain(name: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(name) && !isDigits(name) && !isDigits(name.slice(1))
}
