import { Headers } from '../../src/core/headers.ts'
import type { Verifiable } from '../../src/schemes/reading.ts'

/** A delivery with one bit changed, and where. */
export interface Flipped { readonly where: string; readonly delivery: Verifiable }

/**
 * Every delivery that differs by one bit from this one: in method, path, query, body, and in the name and the value of each
 * header line. Whatever of it is signed is among them.
 */
export function* everyBit(delivery: Verifiable): Generator<Flipped> {
  const { method, path, query, headers, body } = delivery
  for (const [where, text] of flips(method)) yield { where: `method ${where}`, delivery: { ...delivery, method: text } }
  for (const [where, text] of flips(path)) yield { where: `path ${where}`, delivery: { ...delivery, path: text } }
  for (const [where, text] of flips(query ?? '')) yield { where: `query ${where}`, delivery: { ...delivery, query: text } }
  for (const [line, value] of headers.raw.entries()) {
    for (const [where, text] of flips(value)) {
      yield { where: `header line ${line >> 1}, ${line % 2 === 0 ? 'name' : 'value'} ${where}`, delivery: { ...delivery, headers: new Headers(headers.raw.with(line, text)) } }
    }
  }
  for (let bit = 0; bit < body.length * 8; bit += 1) {
    const changed = Uint8Array.from(body)
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
    yield { where: `body ${bit >> 3}:${bit & 7}`, delivery: { ...delivery, body: changed } }
  }
}

/** A text of one character a byte. */
function* flips(text: string): Generator<[string, string]> {
  for (let bit = 0; bit < text.length * 8; bit += 1) {
    const at = bit >> 3
    yield [`${at}:${bit & 7}`, text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << (bit & 7))) + text.slice(at + 1)]
  }
}
