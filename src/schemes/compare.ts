import { timingSafeEqual } from 'node:crypto'

/**
 * Are these the same bytes? The only comparison of secrets, tokens and MACs in this project. Constant time for equal
 * lengths; another length is a plain no, which tells a sender nothing that our documentation does not.
 */
export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}

/**
 * `sameBytes` for texts of ASCII and of one length that is known before, such as MACs: two buffers are made here and used again, since two for each delivery
 * would cost as much as a fifth of the MAC. Any other character is a plain no, so that none is folded into one of the MAC's.
 */
export function sameTexts(length: number): (one: string, other: string) => boolean {
  const [left, right] = [Buffer.alloc(length), Buffer.alloc(length)]
  return (one, other) => one.length === length && other.length === length && copyAscii(one, left) && copyAscii(other, right) && timingSafeEqual(left, right)
}

/** True where all of it is ASCII. A call of Node's for it costs more than to write so few. */
function copyAscii(text: string, into: Uint8Array): boolean {
  let bits = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    bits |= code
    into[at] = code
  }
  return bits < 0x80
}
