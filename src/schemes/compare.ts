import { timingSafeEqual } from 'node:crypto'

/**
 * Are these the same bytes? The only comparison of secrets, tokens and MACs in this project. Constant time for equal
 * lengths; another length is a plain no, which tells a sender nothing that our documentation does not.
 */
export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}

/**
 * `sameBytes` for texts of ASCII and of one length that is known before, such as MACs: one buffer is made here and used again,
 * since two for each delivery would cost as much as a fifth of the MAC; one call fills both halves. In UTF-8, which has
 * room for the worst: as many bytes as characters are ASCII and nothing else, so that no other character was folded into one of the MAC's.
 */
export function sameTexts(length: number): (one: string, other: string) => boolean {
  const both = Buffer.alloc(length * 2 * 3)
  const [left, right] = [both.subarray(0, length), both.subarray(length, length * 2)]
  return (one, other) => {
    if (one.length !== length || other.length !== length) return false
    return both.write(one + other) === length * 2 && timingSafeEqual(left, right)
  }
}
