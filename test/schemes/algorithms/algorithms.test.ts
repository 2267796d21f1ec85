import { createHmac, createSecretKey, generateKeyPairSync, verify, constants } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { algorithm, algorithms } from '../../../src/schemes/algorithms/index.ts'
import { secretPart, withoutSecret, type Algorithm } from '../../../src/schemes/algorithms/algorithm.ts'

const pairs = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  weak: generateKeyPairSync('rsa', { modulusLength: 512 }),
  ed25519: generateKeyPairSync('ed25519'),
  p256: generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  p384: generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
  p521: generateKeyPairSync('ec', { namedCurve: 'secp521r1' }),
}
const secret = createSecretKey(Buffer.from('a secret'))

function keysFor({ keys, name }: Algorithm) {
  if (keys === 'secret') return { signing: secret, verifying: secret }
  const kind = Object.keys(pairs).find((kind) => name.includes(kind)) as keyof typeof pairs
  return { signing: pairs[kind].privateKey, verifying: pairs[kind].publicKey }
}

const message = [Buffer.from('17.'), Buffer.from('body')]

for (const row of algorithms) {
  t.test(row.name, async (t) => {
    const { signing, verifying } = keysFor(row)
    const proof = Buffer.from(row.sign(message, signing))
    t.equal(row.unfit(verifying), undefined)
    t.ok(row.proves(message, verifying, [proof]), 'what was signed')
    t.ok(row.proves([Buffer.from('17.body')], verifying, [proof]), 'however it is cut into parts')
    t.ok(row.proves(message, verifying, [Buffer.alloc(proof.length), proof]), 'among others')
    t.notOk(row.proves(message, verifying, []), 'nothing proves nothing')
    if (row.length !== undefined) t.equal(proof.length, row.length)
    if (row.name !== 'token') t.notOk(row.proves([Buffer.from('17.bodY')], verifying, [proof]), 'another message')
    for (const junk of [proof.subarray(1), Buffer.concat([proof, Buffer.from([0])]), Buffer.alloc(0), Buffer.alloc(proof.length), Buffer.alloc(5000)]) {
      t.notOk(row.proves(message, verifying, [junk]), `${junk.length} bytes of junk`)
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (junk) => row.name === 'token' || !row.proves(message, verifying, [junk])))
  })
}

t.test('agrees with plain calls', async (t) => {
  const mac = createHmac('sha256', 'a secret').update('17.body').digest()
  t.same(algorithm('hmac-sha256')?.sign(message, secret), mac)
  const pss = Buffer.from(algorithm('rsa-pss-sha512')?.sign(message, pairs.rsa.privateKey) ?? [])
  t.ok(verify('sha512', Buffer.from('17.body'), { key: pairs.rsa.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }, pss))
})

t.test('keys that cannot serve', async (t) => {
  t.match(algorithm('rsa-sha256')?.unfit(pairs.p256.publicKey), /no RSA/)
  t.match(algorithm('rsa-sha256')?.unfit(pairs.weak.publicKey), /512 bits/)
  t.match(algorithm('ed25519')?.unfit(pairs.p256.publicKey), /no Ed25519/)
  t.match(algorithm('ecdsa-p256-sha256-der')?.unfit(pairs.p384.publicKey), /curve p256/)
})

t.test('a hash covers the secret where it stands', async (t) => {
  const hash = algorithm('hash-sha256') as Algorithm
  const proof = hash.sign([secretPart, ...message], secret)
  t.ok(hash.proves([secretPart, ...message], secret, [proof]))
  t.notOk(hash.proves([...message, secretPart], secret, [proof]), 'and nowhere else')
  t.notOk(hash.proves([secretPart, ...message], createSecretKey(Buffer.from('another')), [proof]))
  t.same(withoutSecret([secretPart, ...message]), message)
})

t.equal(algorithm('none'), undefined)
t.equal(algorithm('__proto__'), undefined)
