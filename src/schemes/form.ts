/**
 * `application/x-www-form-urlencoded` and query strings, strictly: every `%` is followed by two hex digits, and there
 * are no more pairs than a cap. Names and values hold one character a byte: nothing is guessed about their charset.
 */
export type Pair = readonly [name: string, value: string]

/** More than any sender was seen to send; a hash table is never filled without end. */
export const mostPairs = 1000

/** The pairs in order; undefined where the text is not well formed or holds too many. Linear in its length. */
export function parsePairs(text: string): readonly Pair[] | undefined {
  const pairs: Pair[] = []
  let start = 0
  while (start <= text.length) {
    const end = endOf(text, '&', start, text.length)
    if (end > start) {
      const pair = parsePair(text, start, end)
      if (pair === undefined || pairs.length === mostPairs) return undefined
      pairs.push(pair)
    }
    start = end + 1
  }
  return pairs
}

function parsePair(text: string, start: number, end: number): Pair | undefined {
  const middle = endOf(text, '=', start, end)
  const name = unescape(text.slice(start, middle))
  const value = unescape(text.slice(middle + 1, end))
  return name === undefined || value === undefined ? undefined : [name, value]
}

function endOf(text: string, mark: string, start: number, end: number): number {
  const found = text.indexOf(mark, start)
  return found === -1 || found > end ? end : found
}

/** `%41+b` → `A b`; undefined where a `%` stands alone. */
export function unescape(text: string): string | undefined {
  const spaced = text.includes('+') ? text.split('+').join(' ') : text
  let whole = ''
  let from = 0
  for (let at = spaced.indexOf('%'); at !== -1; at = spaced.indexOf('%', from)) {
    const high = hexDigit(spaced.charCodeAt(at + 1))
    const low = hexDigit(spaced.charCodeAt(at + 2))
    if (high === undefined || low === undefined) return undefined
    whole += spaced.slice(from, at) + String.fromCharCode(high * 16 + low)
    from = at + 3
  }
  return from === 0 ? spaced : whole + spaced.slice(from)
}

function hexDigit(code: number): number | undefined {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : undefined
}

/** The only value of this name; undefined where there is none, `repeated` where there are several. */
export function onlyValue(pairs: readonly Pair[], name: string): string | undefined | { readonly repeated: true } {
  const found = pairs.filter((pair) => pair[0] === name)
  if (found.length > 1) return { repeated: true }
  return found[0]?.[1]
}

/**
 * Pairs sorted by name, and by value within one name, each pair once: what Twilio, Mandrill and Plivo put behind the
 * URL (`name` + `value`, no separators). Sorted by bytes.
 */
export function sortedPairs(pairs: readonly Pair[]): readonly Pair[] {
  const sorted = [...pairs].sort((one, other) => order(one[0], other[0]) || order(one[1], other[1]))
  return sorted.filter((pair, at) => at === 0 || pair[0] !== sorted[at - 1]?.[0] || pair[1] !== sorted[at - 1]?.[1])
}

/** Names and values behind each other, without separators. */
export function joinPairs(pairs: readonly Pair[]): string {
  let text = ''
  for (const [name, value] of pairs) text += name + value
  return text
}

function order(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}
