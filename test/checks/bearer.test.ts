import { createHash } from 'node:crypto'
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose'
import t from 'tap'
import { bearer } from '../../src/checks/bearer.ts'
import type { PeerCertificate } from '../../src/core/delivery.ts'
import { ask, questionsOf, toolsFor, verdictOf } from '../support/checks.ts'
import { StillClock } from '../support/clock.ts'

const issuer = 'https://issuer.example'
const audience = 'https://hooks.example/push'
const now = Date.UTC(2026, 5, 1)
const clock = new StillClock(now)

interface Pair { readonly kid: string; readonly alg: string; readonly privateKey: CryptoKey; readonly publicKey: CryptoKey; readonly jwk: JWK }

async function pair(alg: string, kid: string): Promise<Pair> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, publicKey, privateKey, jwk: { ...await exportJWK(publicKey), kid, alg, use: 'sig' } }
}

const [rsa, ec, ed, other] = await Promise.all([pair('RS256', 'rsa'), pair('ES256', 'ec'), pair('EdDSA', 'ed'), pair('RS256', 'rsa')])
const keySet = (...pairs: readonly Pair[]) => JSON.stringify({ keys: pairs.map(({ jwk }) => jwk) })

const good: JWTPayload = { iss: issuer, aud: audience, sub: 'partner', exp: now / 1_000 + 600, iat: now / 1_000 }

function sign(claims: JWTPayload, { privateKey, alg, kid } = rsa, header: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg, kid, ...header }).sign(privateKey)
}

const settings = { issuer, audience, algorithms: ['RS256', 'ES256', 'EdDSA'], keys: 'file:keys.json' }
const tools = (text = keySet(rsa, ec, ed)) => toolsFor({ clock, file: () => text })
const questionsFor = (changed: Record<string, unknown> = {}) => questionsOf('bearer', { jwt: { ...settings, ...changed } }, tools())
const bearing = (token: string) => ({ headers: ['Authorization', `Bearer ${token}`] })
const invalid = 'credentials-invalid'

t.test('static tokens', async (t) => {
  const questions = questionsOf('bearer', { tokens: { partner: 'literal:abc.DEF-_~+/==', other: 'literal:0123456789' } })
  const rows: [string[], string][] = [
    [['Authorization', 'Bearer abc.DEF-_~+/=='], 'pass'],
    [['authorization', 'bearer  0123456789'], 'pass'],
    [[], 'credentials-missing'],
    [['Authorization', 'Bearer'], invalid],
    [['Authorization', 'Bearer '], invalid],
    [['Authorization', '0123456789'], invalid],
    [['Authorization', 'Basic 0123456789'], invalid],
    [['Authorization', 'Bearer 012345678'], invalid],
    [['Authorization', 'Bearer 01234567890'], invalid],
    [['Authorization', 'Bearer 0123456789 '], invalid],
    [['Authorization', 'Bearer 0123456789,0123456789'], invalid],
    [['Authorization', 'Bearer partner'], invalid],
    [['Authorization', 'Bearer 0123456789', 'Authorization', 'Bearer 0123456789'], invalid],
  ]
  for (const [headers, verdict] of rows) t.equal(await verdictOf(questions, { headers }), verdict, headers.join(' '))
  const { trail } = await ask(questions, bearing('0123456789'))
  t.match(trail[0]?.verdict, { facts: { token: 'other' }, gain: { sender: 'other' } })
  const { refusal } = await ask(questions, bearing('guess'))
  t.match(refusal, { status: 401, headers: ['WWW-Authenticate', /invalid_token/] })
  t.notMatch(JSON.stringify(refusal), /guess/)
  t.same(bearer.reads?.(bearer.schema.parse({ tokens: { a: 'literal:b' } })), ['authorization'])
})

t.test('good tokens of every kind of key', async (t) => {
  for (const key of [rsa, ec, ed]) t.equal(await verdictOf(questionsFor(), bearing(await sign(good, key))), 'pass', key.alg)
  const { trail } = await ask(questionsFor(), bearing(await sign(good)))
  t.match(trail[0]?.verdict, { facts: { issuer, subject: 'partner' }, gain: { sender: 'partner' } })
  const anonymous = await new SignJWT(good).setProtectedHeader({ alg: 'ES256' }).sign(ec.privateKey)
  t.equal(await verdictOf(questionsFor(), bearing(anonymous)), 'pass', 'no key id, one key that fits')
})

t.test('no key id, and several keys that fit', async (t) => {
  const second = { ...other, jwk: { ...other.jwk, kid: 'second' } }
  const questions = questionsOf('bearer', { jwt: settings }, tools(keySet(rsa, second)))
  const signed = (key: CryptoKey) => new SignJWT(good).setProtectedHeader({ alg: 'RS256' }).sign(key)
  t.equal(await verdictOf(questions, bearing(await signed(rsa.privateKey))), 'pass')
  t.equal(await verdictOf(questions, bearing(await signed(second.privateKey))), 'pass')
  const stranger = await pair('RS256', 'x')
  t.equal(await verdictOf(questions, bearing(await signed(stranger.privateKey))), invalid)
})

const seconds = now / 1_000
const claims: [name: string, changed: Record<string, unknown>, verdict: string][] = [
  ['expired within the skew', { exp: seconds - 59 }, 'pass'],
  ['expired by the skew', { exp: seconds - 60 }, invalid],
  ['expired', { exp: seconds - 61 }, invalid],
  ['never expires', { exp: undefined }, invalid],
  ['expiry as text', { exp: String(seconds + 600) }, invalid],
  ['not yet, within the skew', { nbf: seconds + 60 }, 'pass'],
  ['not yet', { nbf: seconds + 61 }, invalid],
  ['another issuer', { iss: 'https://issuer.example/' }, invalid],
  ['no issuer', { iss: undefined }, invalid],
  ['another audience', { aud: 'https://hooks.example' }, invalid],
  ['one audience of several', { aud: ['x', audience] }, 'pass'],
  ['no audience', { aud: undefined }, invalid],
  ['no audience in the list', { aud: [] }, invalid],
]
for (const [name, changed, verdict] of claims) {
  t.test(name, async (t) => t.equal(await verdictOf(questionsFor(), bearing(await sign({ ...good, ...changed } as JWTPayload))), verdict))
}

t.test('age, type and further claims', async (t) => {
  const rows: [settings: Record<string, unknown>, claims: Record<string, unknown>, header: Record<string, unknown>, verdict: string][] = [
    [{ maxAge: '5m' }, { iat: seconds - 359 }, {}, 'pass'],
    [{ maxAge: '5m' }, { iat: seconds - 361 }, {}, invalid],
    [{ maxAge: '5m' }, { iat: undefined }, {}, invalid],
    [{ type: 'at+jwt' }, {}, { typ: 'at+jwt' }, 'pass'],
    [{ type: 'at+jwt' }, {}, { typ: 'JWT' }, invalid],
    [{ type: 'at+jwt' }, {}, {}, invalid],
    [{ claims: { tenant: 'a' } }, { tenant: 'a' }, {}, 'pass'],
    [{ claims: { tenant: ['a', 'b'] } }, { tenant: 'b' }, {}, 'pass'],
    [{ claims: { groups: 'hooks' } }, { groups: ['x', 'hooks'] }, {}, 'pass'],
    [{ claims: { tenant: 'a' } }, { tenant: 'A' }, {}, invalid],
    [{ claims: { tenant: 'a' } }, {}, {}, invalid],
    [{ claims: { verified: true } }, { verified: 'true' }, {}, invalid],
    [{ claims: { verified: true } }, { verified: true }, {}, 'pass'],
    [{ claims: { toString: 'a' } }, {}, {}, invalid],
    [{ claims: { a: '1', b: '2' } }, { a: '1' }, {}, invalid],
  ]
  for (const [changed, claimed, header, verdict] of rows) {
    const token = await sign({ ...good, ...claimed } as JWTPayload, rsa, header)
    t.equal(await verdictOf(questionsFor(changed), bearing(token)), verdict, JSON.stringify([changed, claimed, header]))
  }
})

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

t.test('tokens that are no tokens', async (t) => {
  const token = await sign(good)
  const [header = '', payload = '', signature = ''] = token.split('.')
  const rows: [string, string][] = [
    ['alg none', new UnsecuredJWT(good).encode()],
    ['alg none, spelled otherwise', `${encode({ alg: 'nOnE' })}.${payload}.${signature}`],
    ['alg none with a signature', `${encode({ alg: 'none', kid: 'rsa' })}.${payload}.${signature}`],
    ['no alg', `${encode({ kid: 'rsa' })}.${payload}.${signature}`],
    ['no signature', `${header}.${payload}.`],
    ['two parts', `${header}.${payload}`],
    ['four parts', `${token}.${signature}`],
    ['another payload', `${header}.${encode({ ...good, sub: 'admin' })}.${signature}`],
    ['padding', `${header}.${payload}.${signature}==`],
    ['no base64url', `${header}.${payload}.${signature.slice(0, -2)}+/`],
    ['a header that is no object', `${encode([])}.${payload}.${signature}`],
    ['a header that is no JSON', `AAAA.${payload}.${signature}`],
    ['an unknown critical header', await sign(good, rsa, {}).then((one) => `${encode({ alg: 'RS256', kid: 'rsa', crit: ['x'], x: 1 })}.${one.split('.').slice(1).join('.')}`)],
    ['a payload that is not encoded', `${encode({ alg: 'RS256', kid: 'rsa', b64: false, crit: ['b64'] })}.${payload}.${signature}`],
    ['another key of the same name', await sign(good, other)],
    ['an encrypted token', `${encode({ alg: 'dir', enc: 'A128GCM' })}..AAAA.AAAA.AAAA`],
  ]
  for (const [name, text] of rows) t.equal(await verdictOf(questionsFor(), bearing(text)), invalid, name)
})

t.test('an algorithm that is not listed', async (t) => {
  const only = questionsFor({ algorithms: ['ES256'] })
  t.equal(await verdictOf(only, bearing(await sign(good))), invalid)
  t.equal(await verdictOf(only, bearing(await sign(good, ec))), 'pass')
  t.equal(await verdictOf(questionsFor(), bearing(await sign(good, { ...rsa, alg: 'RS256' }, { alg: 'PS256' }).catch(() => 'x.y.z'))), invalid)
})

t.test('a MAC keyed with the public key', async (t) => {
  const pem = await exportSPKI(rsa.publicKey)
  const secrets = [pem, pem.trim(), JSON.stringify(rsa.jwk), rsa.jwk.n ?? '', keySet(rsa)]
  for (const secret of secrets) {
    for (const alg of ['HS256', 'HS384', 'HS512']) {
      const token = await new SignJWT(good).setProtectedHeader({ alg, kid: 'rsa' }).sign(new TextEncoder().encode(secret))
      t.equal(await verdictOf(questionsFor(), bearing(token)), invalid, `${alg} with ${secret.slice(0, 20)}`)
    }
  }
  for (const alg of ['HS256', 'none', 'A128KW', 'dir', '']) {
    t.equal(bearer.schema.safeParse({ jwt: { ...settings, algorithms: [alg] } }).success, false, `${alg} cannot be listed`)
  }
})

t.test('what a token says of keys is compared, never followed', async (t) => {
  const kids: unknown[] = [
    '../../../../dev/null', '/etc/passwd', 'https://attacker.example/keys', "' OR 1=1 --", 'rsa\0', 'rsa ', 'RSA', '', '__proto__', 'constructor',
    0, null, true, ['rsa'], { rsa: 1 }, 'k'.repeat(5_000),
  ]
  const asked: string[] = []
  const publish = tools()
  const questions = questionsOf('bearer', { jwt: settings }, { ...publish, file: (name) => { asked.push(name); return keySet(rsa) } })
  for (const kid of kids) {
    const token = await sign(good, rsa, { kid }).catch(async () => `${encode({ alg: 'RS256', kid })}.${(await sign(good)).split('.').slice(1).join('.')}`)
    t.equal(await verdictOf(questions, bearing(token)), invalid, JSON.stringify(kid).slice(0, 40))
  }
  for (const header of [{ jwk: other.jwk }, { jku: 'https://attacker.example/keys' }, { x5u: 'https://attacker.example/c' }, { x5c: ['MIIB'] }]) {
    t.equal(await verdictOf(questions, bearing(await sign(good, other, header))), invalid, Object.keys(header).join())
  }
  t.same(asked, ['keys.json'], 'one file, the operator’s, read once')
})

t.test('tokens bound to a certificate (RFC 8705)', async (t) => {
  const der = Buffer.from('a certificate')
  const shown = (bytes: Buffer) => ({ certificate: { fingerprint: createHash('sha256').update(bytes).digest('hex') } as PeerCertificate })
  const thumbprint = createHash('sha256').update(der).digest('base64url')
  const bound = { cnf: { 'x5t#S256': thumbprint } }
  const rows: [name: string, settings: Record<string, unknown>, claims: Record<string, unknown>, certificate: Partial<ReturnType<typeof shown>>, verdict: string][] = [
    ['bound, and shown', { certificateBound: true }, bound, shown(der), 'pass'],
    ['bound to another', { certificateBound: true }, bound, shown(Buffer.from('another')), invalid],
    ['bound, none shown', { certificateBound: true }, bound, {}, invalid],
    ['not bound where it has to be', { certificateBound: true }, {}, shown(der), invalid],
    ['bound, though nobody asked: shown', {}, bound, shown(der), 'pass'],
    ['bound, though nobody asked: not shown', {}, bound, {}, invalid],
    ['not bound, and nobody asked', {}, {}, {}, 'pass'],
    ['bound to a key that cannot be verified', {}, { cnf: { jkt: 'x' } }, shown(der), invalid],
    ['bound to both', {}, { cnf: { ...bound.cnf, jkt: 'x' } }, shown(der), invalid],
    ['bound by text', {}, { cnf: thumbprint }, shown(der), invalid],
    ['bound to nothing', {}, { cnf: null }, shown(der), invalid],
    ['hexadecimal', {}, { cnf: { 'x5t#S256': createHash('sha256').update(der).digest('hex') } }, shown(der), invalid],
    ['padded', {}, { cnf: { 'x5t#S256': `${thumbprint}=` } }, shown(der), invalid],
    ['as a list', {}, { cnf: { 'x5t#S256': [thumbprint] } }, shown(der), invalid],
  ]
  for (const [name, changed, claimed, certificate, verdict] of rows) {
    const token = await sign({ ...good, ...claimed } as JWTPayload)
    t.equal(await verdictOf(questionsFor(changed), { ...bearing(token), ...certificate }), verdict, name)
  }
})

/** A key set behind a URL, refreshed when the check asks. */
function publisher(first: string | undefined) {
  const state = { text: first, next: first, asked: 0, urls: [] as string[] }
  const publish = ({ url }: { url: string }) => {
    state.urls.push(url)
    const refresh = () => {
      state.asked++
      state.text = state.next
      return Promise.resolve()
    }
    return { text: () => state.text, at: () => now, refresh }
  }
  return { state, publish }
}

t.test('keys rotate behind a URL', async (t) => {
  const { state, publish } = publisher(keySet(ec))
  const questions = questionsOf('bearer', { jwt: { ...settings, keys: 'https://issuer.example/keys' } }, toolsFor({ clock, publish }))
  t.equal(await verdictOf(questions, bearing(await sign(good, ec))), 'pass')
  t.equal(state.asked, 0)
  state.next = keySet(ec, rsa)
  t.equal(await verdictOf(questions, bearing(await sign(good))), 'pass', 'a key that is not known yet is asked for')
  t.equal(state.asked, 1)
  t.equal(await verdictOf(questions, bearing(await sign(good, other))), invalid)
  t.equal(state.asked, 1, 'a wrong signature is no reason to ask')
  state.next = keySet(ec)
  await verdictOf(questions, bearing(await sign(good, ed)))
  t.equal(await verdictOf(questions, bearing(await sign(good))), invalid, 'a key that was taken back')
})

t.test('keys that never came: nothing can be decided', async (t) => {
  const { publish } = publisher(undefined)
  const questions = questionsOf('bearer', { jwt: { ...settings, keys: 'https://issuer.example/keys' } }, toolsFor({ clock, publish }))
  const { refusal } = await ask(questions, bearing(await sign(good)))
  t.match(refusal, { reason: 'undecidable', status: 503 })
})

t.test('Google push', async (t) => {
  const { state, publish } = publisher(keySet(rsa))
  const serviceAccount = 'push@project.iam.gserviceaccount.com'
  const questions = questionsOf('bearer', { google: { audience, serviceAccount } }, toolsFor({ clock, publish }))
  t.same(state.urls, ['https://www.googleapis.com/oauth2/v3/certs'])
  const push = { ...good, iss: 'https://accounts.google.com', email: serviceAccount, email_verified: true }
  const rows: [changed: Record<string, unknown>, verdict: string][] = [
    [{}, 'pass'], [{ iss: 'accounts.google.com' }, 'pass'], [{ email: 'someone@else.iam.gserviceaccount.com' }, invalid], [{ email: undefined }, invalid],
    [{ email_verified: false }, invalid], [{ email_verified: 'true' }, invalid], [{ aud: 'https://else.example' }, invalid], [{ iss: issuer }, invalid],
  ]
  for (const [changed, verdict] of rows) {
    t.equal(await verdictOf(questions, bearing(await sign({ ...push, ...changed } as JWTPayload))), verdict, JSON.stringify(changed))
  }
})

t.test('a static token beside an issuer', async (t) => {
  const questions = questionsOf('bearer', { tokens: { old: 'literal:old-token' }, jwt: settings }, tools())
  t.equal(await verdictOf(questions, bearing('old-token')), 'pass')
  t.equal(await verdictOf(questions, bearing(await sign(good))), 'pass')
  t.equal(await verdictOf(questions, bearing('new-token')), invalid)
})

t.test('mistakes of the operator', async (t) => {
  const schema = [
    {}, { tokens: {} }, { jwt: { ...settings, algorithms: [] } }, { jwt: { ...settings, issuer: '' } }, { jwt: { ...settings, audience: [] } },
    { jwt: { ...settings, keys: 'http://issuer.example/keys' } }, { jwt: { ...settings, keys: 'keys.json' } }, { jwt: { ...settings, secret: 'x' } },
    { jwt: { ...settings, audience: undefined } }, { google: { audience } }, { google: { audience, serviceAccount: 'anybody' } },
  ]
  for (const written of schema) t.equal(bearer.schema.safeParse(written).success, false, JSON.stringify(written))
  const secret = { ...rsa.jwk, d: 'x' }
  for (const text of ['', '{}', '{"keys":[]}', '{"keys":[1]}', JSON.stringify({ keys: [{ kty: 'oct', k: 'AAAA' }] }), JSON.stringify({ keys: [secret] })]) {
    const told = tools(text)
    bearer.compile(bearer.schema.parse({ jwt: settings }), told)
    t.match(told.told, [{ path: ['jwt', 'keys'] }], text)
  }
  for (const token of ['literal:', 'literal:two words', 'literal:über']) {
    const told = toolsFor()
    bearer.compile(bearer.schema.parse({ tokens: { a: token } }), told)
    t.match(told.told, [{ path: ['tokens', 'a'] }], token)
  }
  const beside = toolsFor({ neighbour: (key) => (key === 'basic' ? {} : undefined) })
  bearer.compile(bearer.schema.parse({ tokens: { a: 'literal:b' } }), beside)
  t.match(beside.told, [{ path: [] }])
})
