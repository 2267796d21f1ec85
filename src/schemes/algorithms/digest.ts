import { createHash, hash } from 'node:crypto'
import type { Bytes } from '../../core/units.ts'

/** What is hashed as one, in order: bytes, or text of one character a byte. */
export type Parts = readonly (Uint8Array | string)[]

/**
 * Here the parts are laid side by side, to be hashed in one call: a `Hash` object with its updates costs several times as much as the hashing of a
 * few KiB, and its digest as bytes as much again. What does not fit is hashed part by part, and never copied.
 */
const room = Buffer.allocUnsafeSlow(64 * 1024)

const nothing = new Uint8Array(0)

/** The digest of all parts, as text; `before` is hashed before them. The name of the hash is one of ours. */
export function digestText(name: string, parts: Parts, encoding: 'hex' | 'base64' | 'base64url' | 'binary', before: Uint8Array = nothing): string {
  const [only] = parts
  if (parts.length === 1 && before.length === 0 && typeof only === 'object') return hash(name, only, encoding)
  if (lengthOf(parts) + before.length > room.length) return hashApart(name, parts, before).digest(encoding)
  return hash(name, room.subarray(0, layOut(parts, before)), encoding)
}

/** Writes the digest of all parts into bytes, from a place on. */
export function digestInto(bytes: Uint8Array, place: number, name: string, parts: Parts, before?: Uint8Array): void {
  const digest = digestText(name, parts, 'binary', before)
  for (let at = 0; at < digest.length; at++) bytes[place + at] = digest.charCodeAt(at)
}

function lengthOf(parts: Parts): Bytes {
  let length = 0
  for (const part of parts) length += part.length
  return length
}

/** Gives where they end. */
function layOut(parts: Parts, before: Uint8Array): number {
  room.set(before)
  let end = before.length
  for (const part of parts) {
    if (typeof part === 'string') room.write(part, end, 'latin1')
    else room.set(part, end)
    end += part.length
  }
  return end
}

function hashApart(name: string, parts: Parts, before: Uint8Array) {
  const hashing = createHash(name).update(before)
  for (const part of parts) {
    if (typeof part === 'string') hashing.update(part, 'latin1')
    else hashing.update(part)
  }
  return hashing
}
