import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { Headers } from '../../../src/core/headers.ts'
import { compileScheme } from '../../../src/schemes/compile.ts'
import type { KeyFetcher } from '../../../src/schemes/fetched-keys.ts'
import { queryHash } from '../../../src/schemes/verifiers/query-hash.ts'
import type { Verifiable } from '../../../src/schemes/reading.ts'
import type { SchemeKeys } from '../../../src/schemes/scheme-keys.ts'
import type { Scheme } from '../../../src/schemes/scheme.ts'
import { require } from '../../support/oracles/oracle.ts'
import { judge, preset, written } from '../../support/vectors.ts'

/** Atlassian Connect: what Atlassian's own library makes passes, and nothing that differs in method, path or query. */
interface AtlassianJwt {
  readonly fromMethodAndUrl: (method: string, url: string) => object
  readonly createQueryStringHash: (request: object, body: boolean, baseUrl: string) => string
  readonly encodeSymmetric: (claims: object, secret: string, algorithm?: string) => string
  readonly encodeAsymmetric: (claims: object, key: string, algorithm: string, header: { readonly kid: string }) => string
}
const atlassian = require('atlassian-jwt') as AtlassianJwt
const hashByThem = (method: string, target: string, base = '') => (
  atlassian.createQueryStringHash(atlassian.fromMethodAndUrl(method, `https://app.example${target}`), false, `https://app.example${base}`)
)
const hashByUs = (method: string, target: string, base = '') => {
  const mark = target.indexOf('?')
  return queryHash({ method, path: mark === -1 ? target : target.slice(0, mark), query: mark === -1 ? undefined : target.slice(mark + 1) }, base)
}
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

t.test('the canonical form, as the documentation describes it', async (t) => {
  const cases: [method: string, target: string, base: string, canonical: string | undefined][] = [
    ['get', '/rest/api/2/serverInfo', '', 'GET&/rest/api/2/serverInfo&'],
    ['POST', '/', '', 'POST&/&'],
    ['POST', '/app/', '/app', 'POST&/&'],
    ['POST', '/app', '/app/', 'POST&/&'],
    ['POST', '/app/hook/', '/app', 'POST&/hook&'],
    ['POST', '/apple/hook', '/app', undefined],
    ['POST', '/hook', '/app', undefined],
    ['POST', '/project&a=b', '', 'POST&/project%26a=b&'],
    ['POST', '/h?b=2&a=1', '', 'POST&/h&a=1&b=2'],
    ['POST', '/h?a=2&b&a=1', '', 'POST&/h&a=1,2&b='],
    ['POST', '/h?a=1%2c2', '', 'POST&/h&a=1%2C2'],
    ['POST', '/h?jwt=x&a=1&jwt=y', '', 'POST&/h&a=1'],
    ['POST', '/h?a=x+y%7E*', '', 'POST&/h&a=x%20y~%2A'],
    ['POST', '/h?a=%', '', undefined],
  ]
  for (const [method, target, base, canonical] of cases) {
    t.equal(hashByUs(method, target, base), canonical === undefined ? undefined : sha256(canonical), `${method} ${target} below ${base}`)
    if (canonical !== undefined && !base.endsWith('/')) t.equal(hashByThem(method, target, base), sha256(canonical), `${method} ${target}: the library`)
  }
})

t.test("Atlassian's library and ours agree on whatever is asked", async (t) => {
  const name = fc.stringMatching(/^[a-z0-9._~-]{1,6}$/).filter((one) => one !== 'jwt')
  const value = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((one) => Buffer.from(one).toString() === one)
  const path = fc.array(fc.stringMatching(/^[A-Za-z0-9._~&=-]{1,6}$/), { maxLength: 4 }).map((parts) => `/${parts.join('/')}`)
  fc.assert(fc.property(fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'), path, fc.uniqueArray(fc.tuple(name, value), { selector: ([one]) => one, maxLength: 6 }), (method, where, pairs) => {
    const target = pairs.length === 0 ? where : `${where}?${new URLSearchParams(pairs).toString()}`
    return hashByUs(method, target) === hashByThem(method, target)
  }))
  t.pass('whatever is in the query')
})

const now = 1_767_225_600_000
const secret = randomBytes(16).toString('hex')
const delivery = (token: string, more: Partial<Verifiable> = {}): Verifiable => ({
  method: 'POST', path: '/hook', query: 'user=a%20b&event=x', headers: new Headers(['Authorization', token]), body: Buffer.from('{}'), at: now, ...more,
})
const claims = (more: object = {}) => ({
  iss: 'tenant-1', iat: now / 1000, exp: now / 1000 + 180, qsh: hashByThem('POST', '/hook?user=a%20b&event=x'), ...more,
})

function scheme(name: string, keys: Partial<SchemeKeys>, fetcher?: KeyFetcher, parameters = {}): Scheme {
  const one = compileScheme(preset(name, parameters), { secrets: [], keys: [], ...keys }, fetcher === undefined ? {} : { fetcher }, ({ what }) => t.fail(what))
  if (one === undefined) throw new Error(`${name} does not compile`)
  return one
}

t.test('webhooks', async (t) => {
  const one = scheme('atlassian-connect', { secrets: [...written([secret], 'tenant-1'), ...written([randomBytes(16).toString('hex')], 'tenant-2')] })
  const signed = (more: object = {}, key = secret, algorithm = 'HS256') => `JWT ${atlassian.encodeSymmetric(claims(more), key, algorithm)}`
  const good = signed()
  const cases: [string, Verifiable, string][] = [
    ['signed', delivery(good), 'signed'],
    ['the parameters in another order are the same request', delivery(good, { query: 'event=x&user=a+b' }), 'signed'],
    ['another method', delivery(good, { method: 'PUT' }), 'signature-mismatch'],
    ['another path', delivery(good, { path: '/hooks' }), 'signature-mismatch'],
    ['another query', delivery(good, { query: 'user=a%20b&event=y' }), 'signature-mismatch'],
    ['a parameter more', delivery(good, { query: 'user=a%20b&event=x&admin=1' }), 'signature-mismatch'],
    ['a parameter twice', delivery(good, { query: 'user=a%20b&event=x&event=x' }), 'signature-mismatch'],
    ['a query that is none', delivery(good, { query: 'user=a%20b&event=x&%' }), 'signature-mismatch'],
    ['a context token, which is for no URL', delivery(signed({ qsh: 'context-qsh' })), 'signature-mismatch'],
    ['no hash', delivery(signed({ qsh: undefined })), 'signature-mismatch'],
    ['another customer, signing with its own secret in the name of this one', delivery(signed({}, randomBytes(16).toString('hex'))), 'signature-mismatch'],
    ['signed with this secret in the name of another', delivery(signed({ iss: 'tenant-2' })), 'signature-mismatch'],
    ['a customer that nobody knows', delivery(signed({ iss: 'tenant-3' })), 'key-unknown'],
    ['nobody', delivery(signed({ iss: undefined })), 'key-unknown'],
    ['another algorithm', delivery(signed({}, secret, 'HS512')), 'signature-malformed'],
    ['expired', delivery(signed({ exp: now / 1000 - 31 })), 'timestamp-expired'],
    ['old', delivery(signed({ iat: now / 1000 - 931 })), 'timestamp-expired'],
    ['no time', delivery(signed({ iat: undefined })), 'timestamp-missing'],
    ['under another scheme', delivery(good.replace('JWT', 'Bearer')), 'signature-malformed'],
    ['twice', delivery(good, { headers: new Headers(['Authorization', good, 'Authorization', good]) }), 'signature-malformed'],
    ['not at all', delivery('', { headers: new Headers([]) }), 'signature-missing'],
  ]
  for (const [name, what, expected] of cases) t.equal(await judge(one, what), expected, name)
  const inspected = await one.watched?.()?.(delivery(good, { path: '/other' }))
  t.match(inspected?.compared.find(({ what }) => what === 'claim qsh'), { found: claims().qsh, expected: hashByThem('POST', '/other?user=a%20b&event=x') }, 'explain says what it would be')
})

t.test('an app below a path', async (t) => {
  const one = scheme('atlassian-connect', { secrets: written([secret]) }, undefined, { basePath: '/app' })
  const token = `JWT ${atlassian.encodeSymmetric(claims(), secret)}`
  t.equal(await judge(one, delivery(token, { path: '/app/hook' })), 'signed')
  t.equal(await judge(one, delivery(token)), 'signature-mismatch', 'not below it')
})

t.test('installed and uninstalled: the key is asked for by its name, at one host', async (t) => {
  const [mine, other] = [generateKeyPairSync('rsa', { modulusLength: 2048 }), generateKeyPairSync('rsa', { modulusLength: 2048 })]
  const asked: string[] = []
  const fetcher: KeyFetcher = {
    fetch: (url, allowed) => {
      asked.push(`${url} ${allowed.join()}`)
      return Promise.resolve(Buffer.from(mine.publicKey.export({ type: 'spki', format: 'pem' })))
    },
  }
  const one = scheme('atlassian-connect-lifecycle', {}, fetcher, { audience: ['https://app.example'] })
  const token = (more = {}, { privateKey } = mine, kid = 'a1b2') => (
    `JWT ${atlassian.encodeAsymmetric(claims({ aud: 'https://app.example', ...more }), privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, 'RS256', { kid })}`
  )
  t.equal(await judge(one, delivery(token())), 'signed')
  t.same(asked, ['https://connect-install-keys.atlassian.com/a1b2 connect-install-keys.atlassian.com'])
  t.equal(await judge(one, delivery(token({ aud: 'https://else.example' }))), 'signature-mismatch', 'for another app')
  t.equal(await judge(one, delivery(token({ aud: undefined }))), 'signature-mismatch', 'for nobody')
  t.equal(await judge(one, delivery(token(), { path: '/uninstalled' })), 'signature-mismatch', 'for another path')
  t.equal(await judge(one, delivery(token({}, other))), 'signature-mismatch', 'by another key')
  const publicPem = mine.publicKey.export({ type: 'spki', format: 'pem' }) as string
  t.equal(await judge(one, delivery(`JWT ${atlassian.encodeSymmetric(claims({ aud: 'https://app.example' }), publicPem)}`)), 'key-unknown', 'the public key as a secret: it has no name')
  asked.length = 0
  for (const kid of ['../x', 'a/b', 'a?b', '', 'a'.repeat(101), 'é']) t.equal(await judge(one, delivery(token({}, mine, kid))), 'key-unknown', kid)
  t.same(asked, [], 'no name leads anywhere else')
})
