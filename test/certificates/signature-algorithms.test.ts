import { generateKeyPairSync, sign } from 'node:crypto'
import t from 'tap'
import { digestOf, isSignature, isSignatureLater } from '../../src/certificates/signature-algorithms.ts'

const signed = Buffer.alloc(3 * 1024 * 1024 + 1, 'many megabytes ')
const kinds = [
  ['ECDSA', generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'sha256', 6], ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 }), 'sha384', 6],
  ['Ed25519', generateKeyPairSync('ed25519'), null, 0],
] as const

t.test('a signature over many megabytes: hashed in slices or by a thread, and judged as at once', async (t) => {
  for (const [name, { publicKey, privateKey }, digest, slices] of kinds) {
    const signature = sign(digest, signed, privateKey)
    let turns = 0
    const turn = () => Promise.resolve(turns++)
    t.equal(isSignature(digest, signed, publicKey, signature), true, name)
    t.equal(await isSignatureLater(digest, signed, publicKey, signature, turn), true, name)
    t.equal(turns, slices, `${name}: turns between its slices`)
    const changed = Buffer.from(signed)
    changed[changed.length - 1]! ^= 1
    t.equal(await isSignatureLater(digest, changed, publicKey, signature), false, `${name}: the last bit counts`)
    t.equal(await isSignatureLater(digest, signed, publicKey, signature.subarray(1)), false, `${name}: half a signature`)
  }
})

t.test('a key of another kind is no yes and no fault', async (t) => {
  for (const [name, { privateKey }, digest] of kinds) {
    const signature = sign(digest, signed, privateKey)
    for (const [other, { publicKey }] of kinds) {
      if (other === name) continue
      t.equal(isSignature(digest, signed, publicKey, signature), false, `${name}, ${other}`)
      t.equal(await isSignatureLater(digest, signed, publicKey, signature), false, `${name}, ${other}`)
    }
  }
  t.equal(await isSignatureLater('sha0', signed, kinds[0][1].publicKey, Buffer.alloc(64)), false, 'a digest that there is not')
})

t.test('what is taken: SHA-256 or better', async (t) => {
  t.equal(digestOf('1.2.840.10045.4.3.2'), 'sha256')
  t.equal(digestOf('2b6570'), null)
  for (const weak of ['1.2.840.113549.1.1.5', '1.2.840.113549.1.1.4', '1.2.840.10045.4.1', '']) t.equal(digestOf(weak), undefined, weak)
})
