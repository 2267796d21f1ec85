/**
 * The units of this project, as names. They are plain numbers and texts at run time; the name says what is counted, so
 * that no signature has to say "timeout: number".
 */

/** A point in time: milliseconds since 1970-01-01T00:00:00Z, as `Date.now()` counts them. */
export type Instant = number

/** A length of time in milliseconds. */
export type Milliseconds = number

/** A size in bytes. */
export type Bytes = number

const durations = new Map([['ms', 1], ['s', 1_000], ['m', 60_000], ['h', 3_600_000], ['d', 86_400_000]])
const sizes = new Map([['B', 1], ['KiB', 1024], ['MiB', 1024 ** 2], ['GiB', 1024 ** 3]])

/** `250ms 10s 5m 24h 7d` → milliseconds; undefined for anything else, and for what no double counts exactly. */
export function parseDuration(text: string): Milliseconds | undefined {
  return parseQuantity(text, durations)
}

/** `512B 16KiB 1MiB 2GiB` → bytes; undefined for anything else, and for what no double counts exactly. */
export function parseSize(text: string): Bytes | undefined {
  return parseQuantity(text, sizes)
}

function parseQuantity(text: string, units: ReadonlyMap<string, number>): number | undefined {
  const found = /^(0|[1-9][0-9]{0,14})([A-Za-z]{1,3})$/.exec(text)
  const unit = found?.[2] === undefined ? undefined : units.get(found[2])
  if (found?.[1] === undefined || unit === undefined) return undefined
  const value = Number(found[1]) * unit
  return Number.isSafeInteger(value) ? value : undefined
}
