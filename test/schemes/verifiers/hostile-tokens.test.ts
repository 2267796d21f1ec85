import { constants, createHash, createHmac, createSign, generateKeyPairSync, randomBytes } from 'node:crypto'
import t from 'tap'
import { Headers } from '../../../src/core/headers.ts'
import { compileScheme } from '../../../src/schemes/compile.ts'
import { schemeSchema, type SchemeInput } from '../../../src/schemes/document.ts'
import { KeyUnavailable, type KeyFetcher } from '../../../src/schemes/fetched-keys.ts'
import type { Scheme } from '../../../src/schemes/scheme.ts'
import type { SchemeKeys } from '../../../src/schemes/scheme-keys.ts'
import { readHeader, readSegment } from '../../../src/schemes/verifiers/token-json.ts'
import { judge, written } from '../../support/vectors.ts'

/** Tokens as attackers write them: put together by hand, since no library would. */

const now = 1_767_225_600_000
const body = '{"a":1}'
const secret = randomBytes(32).toString('hex')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string
const asked: string[] = []
const fetcher: KeyFetcher = {
  fetch: (url) => {
    asked.push(url)
    return Promise.reject(new KeyUnavailable('nobody is asked'))
  },
}

function compiled(input: SchemeInput, keys: Partial<SchemeKeys>): Scheme {
  const one = compileScheme(schemeSchema.parse(input), { secrets: [], keys: [], ...keys }, { fetcher }, ({ what }) => { throw new Error(what) })
  if (one === undefined) throw new Error('not compiled')
  return one
}

const hash = createHash('sha256').update(body).digest('hex')
const claims = { claim: 'sha256' } as const
const shared = compiled({ verifier: { kind: 'jwt', header: 'X-Token', algorithms: ['HS256'], body: claims, past: '5m', audience: 'us', claims: { ok: true } } }, { secrets: written([secret]) })
const open = compiled({ verifier: { kind: 'jwt', header: 'X-Token', algorithms: ['RS256'], body: claims, past: '5m', audience: 'us', claims: { ok: true } } }, { keys: written([pem]) })
const part = (text: string) => Buffer.from(text).toString('base64url')
const payload = (more = '') => `{"aud":"us","ok":true,"sha256":"${hash}","iat":${now / 1000}${more}}`

interface Made { readonly header?: string; readonly payload?: string; readonly key?: string }

function hs({ header = '{"alg":"HS256"}', payload: claimed = payload(), key = secret }: Made = {}): string {
  const signed = `${part(header)}.${part(claimed)}`
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
}

function rs({ header = '{"alg":"RS256"}', payload: claimed = payload() }: Made = {}): string {
  const signed = `${part(header)}.${part(claimed)}`
  return `${signed}.${createSign('sha256').update(signed).sign({ key: rsa.privateKey, padding: constants.RSA_PKCS1_PADDING }).toString('base64url')}`
}

async function say(scheme: Scheme, token: string, header = 'X-Token', text = body): Promise<string> {
  return await judge(scheme, { method: 'POST', path: '/in', query: undefined, headers: new Headers([header, token]), body: Buffer.from(text), at: now })
}

t.test('with a secret', async (t) => {
  const cases: [string, string, string][] = [
    ['as it should be', hs(), 'signed'],
    ['a header with a control character in a text that nobody reads', hs({ header: '{"alg":"HS256","x":"\u0001"}' }), 'signature-malformed'],
    ['a header with half an escape in one', hs({ header: '{"alg":"HS256","x":"\\u00"}' }), 'signature-malformed'],
    ['none', `${part('{"alg":"none"}')}.${part(payload())}.`, 'signature-malformed'],
    ['None, with something behind it', `${part('{"alg":"None"}')}.${part(payload())}.AAAA`, 'signature-malformed'],
    ['no algorithm', hs({ header: '{}' }), 'signature-malformed'],
    ['an algorithm that is no text', hs({ header: '{"alg":["HS256"]}' }), 'signature-malformed'],
    ['another hash', hs({ header: '{"alg":"HS512"}' }), 'signature-malformed'],
    ['an empty key', hs({ key: '' }), 'signature-mismatch'],
    ['critical, and unknown', hs({ header: '{"alg":"HS256","crit":["x"],"x":1}' }), 'signature-malformed'],
    ['critical, and empty', hs({ header: '{"alg":"HS256","crit":[]}' }), 'signature-malformed'],
    ['an unencoded payload', hs({ header: '{"alg":"HS256","b64":false,"crit":["b64"]}' }), 'signature-malformed'],
    ['the algorithm twice', hs({ header: '{"alg":"HS256","alg":"none"}' }), 'signature-malformed'],
    ['the algorithm twice, once escaped', hs({ header: '{"alg":"HS256","\\u0061lg":"none"}' }), 'signature-malformed'],
    ['a key name that is no text', hs({ header: '{"alg":"HS256","kid":1}' }), 'signature-malformed'],
    ['a key name that leads elsewhere', hs({ header: '{"alg":"HS256","kid":"../../../dev/null"}' }), 'signed'],
    ['the digest twice', hs({ payload: payload(',"sha256":"x"') }), 'signature-malformed'],
    ['the audience twice', hs({ payload: payload(',"aud":"us"') }), 'signature-malformed'],
    ['a claim of the settings twice', hs({ payload: payload(',"ok":false') }), 'signature-malformed'],
    ['the time twice', hs({ payload: payload(`,"iat":${now / 1000}`) }), 'signature-malformed'],
    ['what nobody reads twice', hs({ payload: payload(',"x":1,"x":2') }), 'signed'],
    ['no object', hs({ payload: '[]' }), 'signature-malformed'],
    ['no JSON', hs({ payload: '{' }), 'signature-malformed'],
    ['a byte order mark', hs({ payload: `\ufeff${payload()}` }), 'signature-malformed'],
    ['true as text', hs({ payload: payload().replace('true', '"true"') }), 'signature-mismatch'],
    ['no time', hs({ payload: payload().replace(/,"iat":[0-9]+/, '') }), 'timestamp-missing'],
    ['a time that is text', hs({ payload: payload().replace(/"iat":[0-9]+/, '"iat":"1"') }), 'timestamp-malformed'],
    ['a time in milliseconds', hs({ payload: payload().replace(/"iat":[0-9]+/, `"iat":${now}`) }), 'timestamp-in-future'],
    ['issued a minute ahead', hs({ payload: payload().replace(/"iat":[0-9]+/, `"iat":${now / 1000 + 60}`) }), 'timestamp-in-future'],
    ['issued five minutes ago and a little', hs({ payload: payload().replace(/"iat":[0-9]+/, `"iat":${now / 1000 - 306}`) }), 'timestamp-expired'],
    ['over since the tolerance', hs({ payload: payload(`,"exp":${now / 1000 - 5}`) }), 'timestamp-expired'],
    ['over, within the tolerance', hs({ payload: payload(`,"exp":${now / 1000 - 4}`) }), 'signed'],
    ['not yet, beyond the tolerance', hs({ payload: payload(`,"nbf":${now / 1000 + 6}`) }), 'timestamp-in-future'],
    ['not yet, within the tolerance', hs({ payload: payload(`,"nbf":${now / 1000 + 5}`) }), 'signed'],
    ['an end that is no number', hs({ payload: payload(',"exp":"never"') }), 'signature-mismatch'],
    ['padding behind', `${hs()}=`, 'signature-malformed'],
    ['a line feed behind', `${hs()}\n`, 'signature-malformed'],
    ['a fourth part', `${hs()}.AAAA`, 'signature-malformed'],
    ['two parts', hs().split('.').slice(0, 2).join('.'), 'signature-malformed'],
    ['plus and slash', hs().replace(/\.([^.]*)$/, '.++//'), 'signature-malformed'],
    ['a header of 5,000 characters', hs({ header: `{"alg":"HS256","x":"${'a'.repeat(5000)}"}` }), 'signature-malformed'],
    ['a payload of 20,000 characters', hs({ payload: payload(`,"x":"${'a'.repeat(20_000)}"`) }), 'signature-malformed'],
    ['a payload as deep as that', hs({ payload: payload(`,"x":${'['.repeat(5000)}${']'.repeat(5000)}`) }), 'signature-malformed'],
  ]
  for (const [name, token, expected] of cases) t.equal(await say(shared, token), expected, name)
  const [last = ''] = hs().slice(-1)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const twin = alphabet[alphabet.indexOf(last) + 1] as string
  t.equal(await say(shared, hs().slice(0, -1) + twin), 'signature-malformed', 'the same signature, its spare bits set')
})

t.test('with a public key', async (t) => {
  const jwk = JSON.stringify(rsa.publicKey.export({ format: 'jwk' }))
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const theirs = (header: string) => {
    const signed = `${part(header)}.${part(payload())}`
    return `${signed}.${createSign('sha256').update(signed).sign(stranger.privateKey, 'base64url')}`
  }
  const own = JSON.stringify(stranger.publicKey.export({ format: 'jwk' }))
  const cases: [string, string, string][] = [
    ['as it should be', rs(), 'signed'],
    ['the public key as secret, as PEM', hs({ key: pem }), 'signature-malformed'],
    ['the public key as secret, as PEM without its last line feed', hs({ key: pem.trim() }), 'signature-malformed'],
    ['the public key as secret, as JWK', hs({ key: jwk }), 'signature-malformed'],
    ['named RS256, signed with the public key', hs({ header: '{"alg":"RS256"}', key: pem }), 'signature-mismatch'],
    ['an empty signature', `${part('{"alg":"RS256"}')}.${part(payload())}.AA`, 'signature-mismatch'],
    ['a key that it brings itself', theirs(`{"alg":"RS256","jwk":${own}}`), 'signature-mismatch'],
    ['a place where its key is', theirs('{"alg":"RS256","jku":"https://evil.example/jwks.json"}'), 'signature-mismatch'],
    ['a place where its certificate is', theirs('{"alg":"RS256","x5u":"https://evil.example/a.pem"}'), 'signature-mismatch'],
    ['a certificate that it brings itself', theirs('{"alg":"RS256","x5c":["AAAA"]}'), 'signature-mismatch'],
    ['PSS where PKCS #1 is taken', rs({ header: '{"alg":"PS256"}' }), 'signature-malformed'],
  ]
  for (const [name, token, expected] of cases) t.equal(await say(open, token), expected, name)
  t.same(asked, [], 'nobody is asked for a key that a token names')
})

t.test('secrets and public keys are not mixed', (t) => {
  const problems: string[] = []
  const document = schemeSchema.parse({ verifier: { kind: 'jwt', algorithms: ['HS256', 'RS256'] } })
  t.equal(compileScheme(document, { secrets: [], keys: written([pem]) }, {}, ({ what }) => problems.push(what)), undefined)
  t.match(problems, [/mixed/])
  t.end()
})

t.test('a detached JWS over the body as it is (RFC 7797)', async (t) => {
  const jws = compiled({ verifier: { kind: 'jws-detached', header: 'X-Jws', algorithms: ['RS256'] } }, { keys: written([pem]) })
  const made = (header: string, signed: string) => `${part(header)}..${createSign('sha256').update(`${part(header)}.${signed}`).sign(rsa.privateKey, 'base64url')}`
  const raw = '{"alg":"RS256","b64":false,"crit":["b64"]}'
  const cases: [string, string, string, string][] = [
    ['as it is', made(raw, body), body, 'signed'],
    ['as it is, another body', made(raw, body), '{"a":2}', 'signature-mismatch'],
    ['as it is, with dots and bytes', made(raw, 'a.b.\u00fc'), 'a.b.\u00fc', 'signed'],
    ['encoded', made('{"alg":"RS256"}', part(body)), body, 'signed'],
    ['said to be as it is, and encoded', made(raw, part(body)), body, 'signature-mismatch'],
    ['as it is, and not said', made('{"alg":"RS256"}', body), body, 'signature-mismatch'],
    ['not critical', made('{"alg":"RS256","b64":false}', body), body, 'signature-malformed'],
    ['critical, and not there', made('{"alg":"RS256","crit":["b64"]}', part(body)), body, 'signature-malformed'],
    ['critical, encoded', made('{"alg":"RS256","b64":true,"crit":["b64"]}', part(body)), body, 'signed'],
    ['no boolean', made('{"alg":"RS256","b64":"false","crit":["b64"]}', body), body, 'signature-malformed'],
    ['said twice', made('{"alg":"RS256","b64":true,"b64":false,"crit":["b64"]}', body), body, 'signature-malformed'],
    ['something else critical', made('{"alg":"RS256","b64":false,"crit":["b64","x"],"x":1}', body), body, 'signature-malformed'],
  ]
  for (const [name, token, text, expected] of cases) t.equal(await say(jws, token, 'X-Jws', text), expected, name)
})

t.test('segments are read in one way, or not at all', (t) => {
  t.match(readHeader(part('{"alg":"HS256","kid":"a"}')), { alg: 'HS256', kid: 'a' })
  for (const text of ['', '{}', '[]', 'null', '{"alg":1}', '{"alg":"a","typ":1,"typ":2}']) t.equal(readHeader(part(text)), undefined, text)
  t.equal(readHeader('e30='), undefined)
  t.equal(readHeader('e31'), undefined, 'spare bits')
  t.same(readSegment(part('{"a":1,"a":2}'), []), { a: 2 }, 'what is not asked for')
  t.equal(readSegment(part('{"a":1,"a":2}'), ['a']), undefined)
  t.end()
})
