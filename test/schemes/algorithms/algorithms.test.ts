import { constants, createHmac, createSecretKey, generateKeyPairSync, verify, type KeyObject } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { sameBytes } from '../../../src/schemes/compare.ts'
import { bytesOf } from '../../../src/schemes/encoding.ts'
import { algorithm, algorithms } from '../../../src/schemes/algorithms/index.ts'
import { secretPart, withoutSecret, type Algorithm, type Message, type PublicAlgorithm } from '../../../src/schemes/algorithms/algorithm.ts'

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

/** Both kinds through one pair of functions. */
function signBy(row: Algorithm, message: Message, key: KeyObject): Uint8Array {
  return row.keys === 'secret' ? bytesOf(row.digest(message, key, 'binary')) : row.sign(message, key)
}

function proves(row: Algorithm, message: Message, key: KeyObject, proof: Uint8Array): boolean {
  return row.keys === 'secret' ? sameBytes(bytesOf(row.digest(message, key, 'binary')), proof) : row.verify(message, key, proof)
}

const message = [Buffer.from('17.'), Buffer.from('body')]

for (const row of algorithms) {
  t.test(row.name, async (t) => {
    const { signing, verifying } = keysFor(row)
    const proof = Buffer.from(signBy(row, message, signing))
    if (row.keys === 'public') t.equal(row.unfit(verifying), undefined)
    t.ok(proves(row, message, verifying, proof), 'what was signed')
    t.ok(proves(row, [Buffer.from('17.body')], verifying, proof), 'however it is cut into parts')
    if (row.length !== undefined) t.equal(proof.length, row.length)
    if (row.name !== 'token') t.notOk(proves(row, [Buffer.from('17.bodY')], verifying, proof), 'another message')
    for (const junk of [proof.subarray(1), Buffer.concat([proof, Buffer.from([0])]), Buffer.alloc(0), Buffer.alloc(proof.length), Buffer.alloc(5000)]) {
      t.notOk(proves(row, message, verifying, junk), `${junk.length} bytes of junk`)
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (junk) => row.name === 'token' || !proves(row, message, verifying, junk)))
  })
}

t.test('agrees with plain calls', async (t) => {
  const mac = createHmac('sha256', 'a secret').update('17.body').digest()
  t.same(signBy(algorithm('hmac-sha256') as Algorithm, message, secret), mac)
  const pss = Buffer.from(signBy(algorithm('rsa-pss-sha512') as Algorithm, message, pairs.rsa.privateKey))
  t.ok(verify('sha512', Buffer.from('17.body'), { key: pairs.rsa.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }, pss))
})

t.test('keys that cannot serve', async (t) => {
  const unfit = (name: string, key: KeyObject) => (algorithm(name) as PublicAlgorithm).unfit(key)
  t.match(unfit('rsa-sha256', pairs.p256.publicKey), /no RSA/)
  t.match(unfit('rsa-sha256', pairs.weak.publicKey), /512 bits/)
  t.match(unfit('ed25519', pairs.p256.publicKey), /no Ed25519/)
  t.match(unfit('ecdsa-p256-sha256-der', pairs.p384.publicKey), /curve p256/)
})

t.test('a hash covers the secret where it stands', async (t) => {
  const hash = algorithm('hash-sha256') as Algorithm
  const proof = signBy(hash, [secretPart, ...message], secret)
  t.ok(proves(hash, [secretPart, ...message], secret, proof))
  t.notOk(proves(hash, [...message, secretPart], secret, proof), 'and nowhere else')
  t.notOk(proves(hash, [secretPart, ...message], createSecretKey(Buffer.from('another')), proof))
  t.same(withoutSecret([secretPart, ...message]), message)
})

t.equal(algorithm('none'), undefined)
t.equal(algorithm('__proto__'), undefined)

t.test('Keccak-256 is the one from before SHA-3', async (t) => {
  const keccak = (text: string) => signBy(algorithm('hash-keccak256') as Algorithm, [text], secret)
  t.equal(Buffer.from(keccak('')).toString('hex'), 'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470')
  t.equal(Buffer.from(keccak('abc')).toString('hex'), '4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45')
})
