import { timingSafeEqual } from 'node:crypto'

/**
 * Are these the same bytes? The only comparison of secrets, tokens and MACs in this project. Constant time for equal
 * lengths; another length is a plain no, which tells a sender nothing that our documentation does not.
 */
export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}
