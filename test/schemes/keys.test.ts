import { createHash, generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { formOf, isShort, keySchema, privateKey, publicKey, secretKey } from '../../src/schemes/keys.ts'

const form = (written: object) => keySchema.parse(written)
const raw = (text: string) => Buffer.from(text)

/** The key's bytes in hex, or what is wrong with it. */
function secret(written: object, text: string): string {
  const key = secretKey(form(written), raw(text))
  return 'unusable' in key ? key.unusable : key.export().toString('hex')
}

const hex = (text: string) => raw(text).toString('hex')
const secrets: [string, object, string, string][] = [
  ['text', { form: 'text' }, 'whsec_abc', hex('whsec_abc')],
  ['empty', { form: 'text' }, '', 'is empty'],
  ['hex', { form: 'hex' }, '00FF', '00ff'],
  ['not hex', { form: 'hex' }, '00fg', 'is no hex'],
  ['base64', { form: 'base64', prefix: 'whsec_' }, 'whsec_AP8=', '00ff'],
  ['without its prefix', { form: 'base64', prefix: 'whsec_' }, 'AP8=', '00ff'],
  ['a prefix alone', { form: 'base64', prefix: 'whsec_' }, 'whsec_', 'is no base64'],
  ['a prefix twice', { form: 'base64', prefix: 'whsec_' }, 'whsec_whsec_AP8=', 'is no base64'],
  ['an empty one', { form: 'base64' }, '', 'is empty'],
  ['hashed', { form: 'text', hash: 'sha1' }, 'key', createHash('sha1').update('key').digest('hex')],
  ['normalised', { form: 'text', normalize: 'NFKD' }, 'é', hex('e\u0301')],
  ['a public form', { form: 'pem' }, 'x', 'is no pem'],
]
for (const [name, written, text, expected] of secrets) t.equal(secret(written, text), expected, name)

t.throws(() => form({ form: 'text', prefix: 'whsec_' }), 'a text has no prefix')
t.ok(isShort(form({ form: 'text' }), raw('fifteen bytes..')))
t.notOk(isShort(form({ form: 'text' }), raw('sixteen bytes...')))
t.ok(isShort(form({ form: 'hex' }), raw('00'.repeat(15))))
t.notOk(isShort(form({ form: 'text', atLeast: 4 }), raw('four')))
t.match(formOf(undefined, 'secret'), { form: 'text' })
t.match(formOf(undefined, 'public'), { form: 'pem' })

t.test('public keys in every form', async (t) => {
  const pair = generateKeyPairSync('ed25519')
  const jwk = pair.publicKey.export({ format: 'jwk' })
  const bytes = Buffer.from(jwk.x ?? '', 'base64url')
  const spki = pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
  const good: [object, string][] = [
    [{ form: 'pem' }, pair.publicKey.export({ type: 'spki', format: 'pem' }) as string],
    [{ form: 'spki' }, spki],
    [{ form: 'jwk' }, JSON.stringify(jwk)],
    [{ form: 'hex' }, bytes.toString('hex')],
    [{ form: 'base64', prefix: 'whpk_' }, `whpk_${bytes.toString('base64')}`],
  ]
  for (const [written, text] of good) {
    const key = publicKey(form(written), raw(text))
    t.ok('equals' in key && key.equals(pair.publicKey), JSON.stringify(written))
    t.match(publicKey(form(written), raw(text.slice(0, -9))), { unusable: /public key/ }, `${JSON.stringify(written)} cut`)
    t.match(publicKey(form(written), raw('')), { unusable: 'is empty' })
  }
  t.match(publicKey(form({ form: 'text' }), raw(spki)), { unusable: /public key/ })
})

t.test('private keys, for playing the sender', async (t) => {
  const { privateKey: key } = generateKeyPairSync('ed25519')
  const seed = Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url')
  const written: [object, string][] = [
    [{ form: 'base64', prefix: 'whpk_' }, `whsk_${seed.toString('base64')}`],
    [{ form: 'hex' }, seed.toString('hex')],
    [{ form: 'pem' }, key.export({ type: 'pkcs8', format: 'pem' }) as string],
    [{ form: 'jwk' }, JSON.stringify(key.export({ format: 'jwk' }))],
  ]
  for (const [kind, text] of written) {
    const read = privateKey(form(kind), raw(text))
    t.ok('equals' in read && read.equals(key), JSON.stringify(kind))
  }
  t.match(privateKey(form({ form: 'hex' }), raw('00')), { unusable: /private key/ })
  t.match(privateKey(form({ form: 'jwk' }), raw('{')), { unusable: /private key/ })
})
