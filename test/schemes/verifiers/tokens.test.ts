import { createHash, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { CompactSign, SignJWT } from 'jose'
import t from 'tap'
import { Headers } from '../../../src/core/headers.ts'
import { compileScheme } from '../../../src/schemes/compile.ts'
import { KeyUnavailable, type KeyFetcher } from '../../../src/schemes/fetched-keys.ts'
import type { Verifiable } from '../../../src/schemes/reading.ts'
import type { SchemeKeys } from '../../../src/schemes/scheme-keys.ts'
import type { Scheme } from '../../../src/schemes/scheme.ts'
import { verifierParameters } from '../../support/verifier-parameters.ts'
import { judge, preset, written } from '../../support/vectors.ts'

/** Tokens, made by `jose` as a sender would make them. */

const now = 1_767_225_600_000
const secret = randomBytes(32).toString('hex')
const body = '{"a":1}'
const hash = (encoding: 'hex' | 'base64', text = body) => createHash('sha256').update(text).digest(encoding)
const bytes = (text: string) => Buffer.from(text)
const none: KeyFetcher = { fetch: () => Promise.reject(new KeyUnavailable('none')) }

function scheme(name: string, keys: Partial<SchemeKeys>, fetcher: KeyFetcher = none): Scheme {
  const problems: unknown[] = []
  const one = compileScheme(preset(name, verifierParameters[name]), { secrets: [], keys: [], ...keys }, { publicUrl: 'https://hooks.example.com/in', fetcher }, (problem) => problems.push(problem))
  if (one === undefined) throw new Error(JSON.stringify(problems))
  return one
}

function delivery(header: string, value: string, text = body): Verifiable {
  return { method: 'POST', path: '/in', query: undefined, headers: new Headers([header, value]), body: bytes(text), at: now }
}

interface Wish { readonly alg?: string; readonly kid?: string; readonly at?: number; readonly key?: KeyObject | Uint8Array }

async function token(claims: Record<string, unknown>, { alg = 'HS256', kid, at = now, key = bytes(secret) }: Wish = {}): Promise<string> {
  return await new SignJWT(claims).setProtectedHeader({ alg, typ: 'JWT', ...(kid === undefined ? {} : { kid }) }).setIssuedAt(at / 1000).sign(key)
}

t.test('a token over the body', async (t) => {
  const one = scheme('netlify', { secrets: written([secret]) })
  const header = 'X-Webhook-Signature'
  const claims = { iss: 'netlify', sha256: hash('hex') }
  const good = await token(claims)
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${good.split('.')[1]}.`
  const cases: [string, Verifiable, string][] = [
    ['signed', delivery(header, good), 'signed'],
    ['another body', delivery(header, good, '{"a":2}'), 'digest-mismatch'],
    ['another issuer', delivery(header, await token({ ...claims, iss: 'x' })), 'signature-mismatch'],
    ['no digest', delivery(header, await token({ iss: 'netlify' })), 'digest-mismatch'],
    ['another secret', delivery(header, await token(claims, { key: randomBytes(32) })), 'signature-mismatch'],
    ['another algorithm', delivery(header, await token(claims, { alg: 'HS512', key: randomBytes(64) })), 'signature-malformed'],
    ['none', delivery(header, unsigned), 'signature-malformed'],
    ['no algorithm, with a signature', delivery(header, `${unsigned}AAAA`), 'signature-malformed'],
    ['one letter of the payload', delivery(header, good.replace(/\.(.)/, '.f')), 'signature-mismatch'],
    ['no token', delivery(header, 'abc'), 'signature-malformed'],
    ['missing', delivery('X', ''), 'signature-missing'],
    ['twice', { ...delivery(header, good), headers: new Headers([header, good, header, good]) }, 'signature-malformed'],
  ]
  for (const [name, what, expected] of cases) t.equal(await judge(one, what), expected, name)
})

t.test('secrets and claims of each sender', async (t) => {
  const cases: [string, string, string, Record<string, unknown>][] = [
    ['vonage', 'Authorization', 'Bearer ', { payload_hash: hash('hex'), jti: 'j-1' }],
    ['fusionauth-hmac', 'X-FusionAuth-Signature-JWT', '', { request_body_sha256: hash('base64') }],
    ['livekit', 'Authorization', '', { sha256: hash('base64') }],
    ['monday', 'Authorization', '', { aud: 'https://hooks.example.com/in' }],
  ]
  for (const [name, header, prefix, claims] of cases) {
    const one = scheme(name, { secrets: written([secret]) })
    t.equal(await judge(one, delivery(header, prefix + await token(claims))), 'signed', name)
    t.not(await judge(one, delivery(header, prefix + await token({ ...claims, aud: 'https://else.example' }), name === 'monday' ? body : '{}')), 'signed', `${name}: for another`)
    t.equal(await judge(one, delivery(header, prefix + await token({ ...claims, exp: now / 1000 - 60 }))), 'timestamp-expired', `${name}: expired`)
    t.equal(await judge(one, delivery(header, prefix + await token({ ...claims, nbf: now / 1000 + 60 }))), 'timestamp-in-future', `${name}: not yet`)
  }
  const verdict = await scheme('vonage', { secrets: written([secret]) }).verify(delivery('Authorization', `Bearer ${await token({ payload_hash: hash('hex'), jti: 'j-1' })}`))
  t.match(verdict, { gain: { signed: { id: 'j-1', at: now, key: 'env:KEY_0' } } })
})

t.test('public keys by name', async (t) => {
  const [mine, other] = [generateKeyPairSync('ec', { namedCurve: 'prime256v1' }), generateKeyPairSync('ec', { namedCurve: 'prime256v1' })]
  const set = JSON.stringify({ keys: [{ ...other.publicKey.export({ format: 'jwk' }), kid: 'k0' }, { ...mine.publicKey.export({ format: 'jwk' }), kid: 'k1' }, { kty: 'odd' }] })
  const claims = { request_body_sha256: hash('hex') }
  const one = scheme('plaid', { keys: written([set]) })
  const say = async (wish: Wish, more = {}) => await judge(one, delivery('Plaid-Verification', await token({ ...claims, ...more }, { alg: 'ES256', key: mine.privateKey, ...wish })))
  t.equal(await say({ kid: 'k1' }), 'signed')
  t.equal(await say({ kid: 'k0' }), 'signature-mismatch')
  t.equal(await say({ kid: 'k2' }), 'key-unknown')
  t.equal(await say({ kid: 'k1', at: now - 300_000 }), 'signed', 'at the edge')
  t.equal(await say({ kid: 'k1', at: now - 306_000 }), 'timestamp-expired', 'beyond it')
  t.equal(await say({ kid: 'k1', alg: 'HS256', key: bytes(set) }), 'signature-malformed', 'the public key as a secret')
})

t.test('keys that the sender publishes', async (t) => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const asked: string[] = []
  const fetcher: KeyFetcher = {
    fetch: (url, allowed) => {
      asked.push(`${url} ${allowed.join()}`)
      return Promise.resolve(bytes(JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'g1' }] })))
    },
  }
  const one = scheme('google-pubsub', {}, fetcher)
  const claims = { iss: 'https://accounts.google.com', aud: 'https://hooks.example.com/in', email: 'push@project.iam.gserviceaccount.com', email_verified: true, exp: now / 1000 + 3600 }
  const say = async (more = {}) => await judge(one, delivery('Authorization', `Bearer ${await token({ ...claims, ...more }, { alg: 'RS256', key: privateKey, kid: 'g1' })}`))
  t.equal(await say(), 'signed')
  t.equal(asked[0], 'https://www.googleapis.com/oauth2/v3/certs www.googleapis.com')
  t.equal(await say({ email: 'mallory@gmail.com' }), 'signature-mismatch', 'Google signs for everybody')
  t.equal(await say({ email_verified: false }), 'signature-mismatch')
  t.equal(await say({ aud: 'https://else.example' }), 'signature-mismatch')
  t.equal(await say({ iss: 'https://evil.example' }), 'signature-mismatch')
  await t.rejects(judge(scheme('google-pubsub', {}), delivery('Authorization', `Bearer ${await token(claims)}`)), KeyUnavailable, 'no keys: undecidable, not a bad signature')
})

t.test('a detached JWS', async (t) => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const one = scheme('fireblocks', { keys: written([publicKey.export({ type: 'spki', format: 'pem' }) as string]) })
  const whole = await new CompactSign(bytes(body)).setProtectedHeader({ alg: 'RS512', kid: 'f1' }).sign(privateKey)
  const [header = '', payload = '', signature = ''] = whole.split('.')
  const say = async (value: string, text = body) => await judge(one, delivery('Fireblocks-Webhook-Signature', value, text))
  t.equal(await say(`${header}..${signature}`), 'signed')
  t.equal(await say(`${header}..${signature}`, '{"a":2}'), 'signature-mismatch')
  t.equal(await say(`${header}.${payload}.${signature}`), 'signature-malformed', 'with its payload')
  t.equal(await say(`${header}..`), 'signature-malformed')
  t.equal(await say(`${Buffer.from('{"alg":"none"}').toString('base64url')}..AAAA`), 'signature-malformed')
  t.equal(await say(`${header}..${signature.slice(0, -4)}`), 'signature-mismatch')
})
