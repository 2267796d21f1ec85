import { hash, type KeyObject } from 'node:crypto'
import { openParts, type SecretAlgorithm } from './algorithm.ts'
import { digestInto, digestText } from './digest.ts'

const rows = [
  { name: 'md5', length: 16, block: 64 },
  { name: 'sha1', length: 20, block: 64 },
  { name: 'sha256', length: 32, block: 64 },
  { name: 'sha384', length: 48, block: 128 },
  { name: 'sha512', length: 64, block: 128 },
] as const
type Row = typeof rows[number]

/** HMAC (RFC 2104) over each hash that a sender was seen to use. */
export const hmacs: readonly SecretAlgorithm[] = rows.map((row) => {
  const prepared = new WeakMap<KeyObject, Prepared>()
  return {
    name: `hmac-${row.name}`,
    keys: 'secret',
    length: row.length,
    digest: (message, key, encoding) => {
      const { inner, outer } = prepared.get(key) ?? prepare(row, key, prepared)
      digestInto(outer, row.block, row.name, openParts(message), inner)
      return digestText(row.name, [outer], encoding)
    },
  }
})

/** H(outer pad, H(inner pad, message)): the pads are made once for a key; behind the outer one is room for the inner hash. */
interface Prepared { readonly inner: Uint8Array; readonly outer: Uint8Array }

/**
 * OpenSSL's HMAC looks its hash up, sets up three contexts and hashes both pads for every message, which is more than the hashing of a few KiB;
 * two plain hashes do without (docs/decisions/0405).
 */
function prepare({ name, length, block }: Row, key: KeyObject, prepared: WeakMap<KeyObject, Prepared>): Prepared {
  const exported = key.export()
  const secret = exported.length > block ? hash(name, exported, 'buffer') : exported
  // Memory of their own, not a piece of Node's pool.
  const [inner, outer] = [Buffer.alloc(block, 0x36), Buffer.alloc(block + length, 0x5c)]
  secret.forEach((byte, at) => {
    inner[at] = byte ^ 0x36
    outer[at] = byte ^ 0x5c
  })
  exported.fill(0)
  secret.fill(0)
  const pads = { inner, outer }
  prepared.set(key, pads)
  return pads
}
