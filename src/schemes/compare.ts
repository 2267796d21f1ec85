import { timingSafeEqual } from 'node:crypto'

/**
 * Are these the same bytes? The only comparison of secrets, tokens and MACs in this project. Constant time for equal
 * lengths; another length is a plain no, which tells a sender nothing that our documentation does not.
 */
export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}

/**
 * `sameBytes` for texts of one character a byte and of one length that is known before, such as MACs: two buffers are made
 * here and used again, since two for each delivery would cost as much as a fifth of the MAC; one call fills both.
 */
export function sameTexts(length: number): (one: string, other: string) => boolean {
  const both = Buffer.alloc(length * 2)
  const [left, right] = [both.subarray(0, length), both.subarray(length)]
  return (one, other) => {
    if (one.length !== length || other.length !== length) return false
    both.write(one + other, 'latin1')
    // The bytes decide, in constant time; after that, characters beyond one byte must not have been folded into them.
    return timingSafeEqual(left, right) && one === other
  }
}
