import { createHash, createHmac, createSecretKey } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { secretPart, type Message, type SecretAlgorithm } from '../../../src/schemes/algorithms/algorithm.ts'
import { digestInto, digestText } from '../../../src/schemes/algorithms/digest.ts'
import { hashes } from '../../../src/schemes/algorithms/hash.ts'
import { hmacs } from '../../../src/schemes/algorithms/hmac.ts'

/** Bytes and texts of any length, around where they no longer lie side by side (64 KiB) too. */
const text = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
const small = fc.oneof(text, fc.uint8Array({ maxLength: 300 }))
const large = fc.record({ length: fc.integer({ min: 65_300, max: 65_700 }), byte: fc.nat(255), form: fc.constantFrom('text', 'bytes') })
  .map(({ length, byte, form }) => (form === 'bytes' ? new Uint8Array(length).fill(byte) : String.fromCharCode(byte).repeat(length)))
const parts = fc.tuple(fc.array(small, { maxLength: 4 }), fc.option(large, { freq: 4 }), fc.array(small, { maxLength: 2 }))
  .map(([before, whole, after]) => [...before, ...(whole === null ? [] : [whole]), ...after])
/** Shorter than, as long as and longer than a block of 64 or 128 bytes. */
const secret = fc.oneof(
  fc.uint8Array({ maxLength: 40 }), ...[63, 64, 65, 127, 128, 129, 300].map((length) => fc.uint8Array({ minLength: length, maxLength: length })),
)
const encoding = fc.constantFrom('hex' as const, 'base64' as const, 'base64url' as const, 'binary' as const)

interface Hashing { readonly update: (data: string | Uint8Array, encoding?: 'latin1') => unknown }

function feed<Of extends Hashing>(hashing: Of, all: readonly (string | Uint8Array)[]): Of {
  for (const part of all) hashing.update(typeof part === 'string' ? Buffer.from(part, 'latin1') : part)
  return hashing
}

t.test('a digest is that of the parts one after the other', async () => {
  fc.assert(fc.property(fc.constantFrom('md5', 'sha1', 'sha256', 'sha384', 'sha512'), parts, fc.uint8Array({ maxLength: 130 }), encoding, (name, all, before, as) => {
    const right = feed(createHash(name).update(before), all).digest()
    const bytes = new Uint8Array(right.length + 3).fill(7)
    digestInto(bytes, 2, name, all, before)
    return digestText(name, all, as, before) === right.toString(as) && Buffer.from([7, 7, ...right, 7]).equals(bytes)
  }))
})

for (const row of hmacs) {
  t.test(`${row.name} is OpenSSL's HMAC`, async () => {
    fc.assert(fc.property(secret, fc.array(parts, { minLength: 1, maxLength: 3 }), encoding, (bytes, messages, as) => {
      const key = createSecretKey(bytes)
      const agrees = messages.every((all) => (
        row.digest(all, key, as) === feed(createHmac(row.name.slice('hmac-'.length), bytes), all).digest(as)
      ))
      return agrees && key.export().equals(bytes)
    }))
  })
}

t.test('keys in turn: what one left is no part of the next', async () => {
  fc.assert(fc.property(fc.array(secret, { minLength: 2, maxLength: 5 }), fc.array(fc.nat(), { maxLength: 20 }), parts, (secrets, order, all) => {
    const keys = secrets.map((bytes) => createSecretKey(bytes))
    return order.every((turn) => {
      const [row, at] = [hmacs[turn % hmacs.length] as SecretAlgorithm, turn % keys.length]
      const right = createHmac(row.name.slice('hmac-'.length), secrets[at] as Uint8Array)
      return row.digest(all, keys[at] as (typeof keys)[number], 'hex') === feed(right, all).digest('hex')
    })
  }))
})

for (const row of hashes) {
  t.test(`${row.name} takes the secret where it stands`, async () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), parts, fc.nat(9), encoding, (bytes, all, place, as) => {
      const message: Message = [...all.slice(0, place), secretPart, ...all.slice(place)]
      const right = feed(createHash(row.name.slice('hash-'.length)), [...all.slice(0, place), bytes, ...all.slice(place)])
      return row.digest(message, createSecretKey(bytes), as) === right.digest(as)
    }))
  })
}
