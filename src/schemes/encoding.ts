/**
 * Bytes ↔ text as senders write them. All text in this room holds one character a byte (latin1), as header values come:
 * so no byte is lost or made up on the way from a header, a query or a body into the message that was signed.
 */
export const encodings = ['hex', 'base64', 'base64url'] as const
export type Encoding = (typeof encodings)[number]

/** Strict: the one canonical spelling, except that hex may be in either case. Undefined for anything else, and for nothing. */
export function decode(text: string, encoding: Encoding): Buffer | undefined {
  if (text === '') return undefined
  const bytes = Buffer.from(text, encoding)
  return bytes.toString(encoding) === (encoding === 'hex' ? text.toLowerCase() : text) ? bytes : undefined
}

/** Text of one character a byte → those bytes. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** Any text → its UTF-8 bytes, as text of one character a byte. */
export function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** The same bytes with Buffer's methods, not copied; a body is a Buffer already, and another view of it costs as much as a header's reading. */
export function viewOf(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
