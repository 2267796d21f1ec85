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
