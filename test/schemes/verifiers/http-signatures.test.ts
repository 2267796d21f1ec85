import { createHash, createSign, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { httpbis } from 'http-message-signatures'
import fc from 'fast-check'
import t from 'tap'
import { Headers } from '../../../src/core/headers.ts'
import { checkContentDigest, checkDigest } from '../../../src/schemes/body-digest.ts'
import { schemeSchema, type SchemeInput } from '../../../src/schemes/document.ts'
import type { Verifiable } from '../../../src/schemes/reading.ts'
import { parseParameters } from '../../../src/schemes/verifiers/cavage.ts'
import { compiled, judge, preset, written } from '../../support/vectors.ts'

/** HTTP signatures under the policy of the presets: what must be covered, for how long, and by which key. */

const now = 1_767_225_600_000
const body = '{"a":1}'
const ed = generateKeyPairSync('ed25519')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }) as string
const digestOf = (text: string, hash = 'sha256') => createHash(hash).update(text).digest('base64')
const contentDigest = (text = body) => `sha-256=:${digestOf(text)}:`

function delivery(headers: readonly string[], text = body, given: Partial<Verifiable> = {}): Verifiable {
  return { method: 'POST', path: '/in', query: 'a=1&b=x%20y', headers: new Headers(headers), body: Buffer.from(text), at: now, ...given }
}

interface Wish { readonly fields?: string[]; readonly params?: string[]; readonly values?: Record<string, unknown>; readonly text?: string; readonly headers?: Record<string, string> }
const covered = ['@method', '@authority', '@path', '@query', 'content-digest']

/** Signed by an independent library. */
async function signed({ fields = covered, params = ['created', 'keyid'], values = {}, text = body, headers = {} }: Wish = {}): Promise<string[]> {
  const message = await httpbis.signMessage({
    key: { id: 'key-1', alg: 'ed25519', sign: (data: Buffer) => Promise.resolve(sign(null, data, ed.privateKey)) },
    fields, params, paramValues: { created: new Date(now), ...values },
  }, { method: 'POST', url: 'https://hooks.example.com/in?a=1&b=x%20y', headers: { Host: 'hooks.example.com', 'Content-Digest': contentDigest(text), ...headers } })
  return Object.entries(message.headers).flatMap(([name, value]) => [name, String(value)])
}

const rfc9421: SchemeInput = { verifier: { kind: 'rfc9421' } }
async function said(one: Verifiable, input: SchemeInput = rfc9421, id?: string): Promise<string> {
  const { scheme } = compiled(schemeSchema.parse(input), { keys: written([pem(ed.publicKey)], id) })
  return scheme === undefined ? 'nothing' : await judge(scheme, one)
}

t.test('rfc9421', async (t) => {
  const good = await signed()
  const changed = (name: string, change: (value: string) => string) => good.map((value, at) => (at % 2 === 1 && good[at - 1]?.toLowerCase() === name ? change(value) : value))
  const cases: [string, Verifiable, string][] = [
    ['signed', delivery(good), 'signed'],
    ['with a port that goes without saying', delivery(changed('host', () => 'Hooks.Example.com:443')), 'signed'],
    ['at another host', delivery(changed('host', () => 'else.example')), 'signature-mismatch'],
    ['another query', delivery(good, body, { query: 'a=1' }), 'signature-mismatch'],
    ['another method', delivery(good, body, { method: 'PUT' }), 'signature-mismatch'],
    ['another body', delivery(good, '{"a":2}'), 'digest-mismatch'],
    ['another body, and its digest', delivery(changed('content-digest', () => contentDigest('{"a":2}')), '{"a":2}'), 'signature-mismatch'],
    ['a digest that we do not know', delivery(changed('content-digest', () => 'md5=:AAAA:')), 'signature-malformed'],
    ['two digests in two lines', delivery([...good, 'Content-Digest', contentDigest()]), 'signature-malformed'],
    ['a body that nothing covers', delivery(await signed({ fields: ['@method', '@authority', '@path', '@query'] })), 'signature-mismatch'],
    ['a query that nothing covers', delivery(await signed({ fields: ['@method', '@authority', '@path', 'content-digest'] })), 'signature-mismatch'],
    ['the target URI for its parts', delivery(await signed({ fields: ['@method', '@target-uri', 'content-digest'] })), 'signed'],
    ['one parameter of the query beside', delivery(await signed({ fields: [...covered, '@query-param;name="b"'] })), 'signed'],
    ['a field that is not there', delivery((await signed({ fields: [...covered, 'x-a'], headers: { 'X-A': '1' } })).filter((text, at, all) => text !== 'X-A' && all[at - 1] !== 'X-A')), 'signature-malformed'],
    ['no body', delivery(await signed({ fields: ['@method', '@authority', '@path', '@query'], text: '' }), ''), 'signed'],
    ['too old', delivery(await signed({ values: { created: new Date(now - 301_000) } })), 'timestamp-expired'],
    ['too new', delivery(await signed({ values: { created: new Date(now + 61_000) } })), 'timestamp-in-future'],
    ['no time', delivery(await signed({ params: ['keyid'] })), 'timestamp-missing'],
    ['expired by its own word', delivery(await signed({ params: ['created', 'expires'], values: { expires: new Date(now - 1000) } })), 'timestamp-expired'],
    ['not yet', delivery(await signed({ params: ['created', 'expires'], values: { expires: new Date(now) } })), 'signed'],
    ['another algorithm named', delivery(changed('signature-input', (value) => `${value};alg="rsa-pss-sha512"`)), 'signature-mismatch'],
    ['no input', delivery(good.filter((text, at, all) => text !== 'Signature-Input' && all[at - 1] !== 'Signature-Input')), 'signature-missing'],
    ['no dictionary', delivery(changed('signature', () => 'sig=(')), 'signature-malformed'],
    ['a label that is not signed', delivery(changed('signature', (value) => value.replace('sig', 'gis'))), 'signature-missing'],
    ['two lines of input', delivery([...good, 'Signature-Input', 'a=()']), 'signature-malformed'],
  ]
  for (const [name, one, expected] of cases) t.equal(await said(one), expected, name)
  t.equal(await said(delivery(good), rfc9421, 'key-2'), 'key-unknown')
  t.equal(await said(delivery(good), { verifier: { kind: 'rfc9421', label: 'other' } }), 'signature-missing')
  t.equal(await said(delivery(good), { verifier: { kind: 'rfc9421', tag: 'app' } }), 'signature-missing')
  t.equal(await said(delivery(good), { verifier: { kind: 'rfc9421', algorithms: ['hmac-sha256'] } }), 'signature-mismatch')
  const nonce = compiled(preset('rfc9421'), { keys: written([pem(ed.publicKey)]) })
  t.match(await nonce.scheme?.verify(delivery(await signed({ params: ['created', 'nonce'], values: { nonce: 'n-1' } }))), { gain: { signed: { id: 'n-1', at: now } } })
})

t.test('what a signature must cover', async (t) => {
  const lax: SchemeInput = { verifier: { kind: 'rfc9421', covered: [] } }
  const bare = await signed({ fields: ['@method'] })
  t.equal(await said(delivery(bare), lax), 'signature-mismatch', 'a body that nothing covers, whatever the list says')
  t.equal(await said(delivery(bare, ''), lax), 'digest-mismatch', 'and a digest that is not its own')
  t.equal(await said(delivery(await signed({ fields: ['@method'], text: '' }), ''), lax), 'signed', 'no body')
  t.equal(await said(delivery(bare), { verifier: { kind: 'rfc9421', covered: [], uncoveredBody: 'allow' } }), 'signed', 'where that is meant')
  const member = await signed({ fields: ['@method', '@authority', '@path', '@query', 'content-digest;key="sha-256"'] })
  t.equal(await said(delivery(member)), 'signature-mismatch', 'one digest of several is not the field')
  const strict = await signed({ fields: ['@method', '@authority', '@path', '@query', 'content-digest;sf'] })
  t.equal(await said(delivery(strict)), 'signed', 'the field in its strict form')
  const more: SchemeInput = { verifier: { kind: 'rfc9421', covered: ['x-tenant'] } }
  t.equal(await said(delivery(await signed({ headers: { 'X-Tenant': 'a' } })), more), 'signature-mismatch', 'a header of our own wish')
  t.equal(await said(delivery(await signed({ fields: [...covered, 'x-tenant'], headers: { 'X-Tenant': 'a' } })), more), 'signed')
})

t.test('parameters of a signature', async (t) => {
  const tagged: SchemeInput = { verifier: { kind: 'rfc9421', tag: 'app' } }
  t.equal(await said(delivery(await signed({ params: ['created', 'tag'], values: { tag: 'app' } })), tagged), 'signed')
  t.equal(await said(delivery(await signed({ params: ['created', 'tag'], values: { tag: 'other' } })), tagged), 'signature-missing')
  t.equal(await said(delivery(await signed({ params: ['created', 'alg'], values: { alg: 'ed25519' } }))), 'signed', 'the algorithm of the key, named')
  for (const alg of ['hmac-sha256', 'rsa-v1_5-sha256', 'none', 'ED25519']) {
    t.equal(await said(delivery(await signed({ params: ['created', 'alg'], values: { alg } }))), 'signature-mismatch', `named ${alg}`)
  }
  const good = await signed()
  const changed = (change: (value: string) => string) => good.map((value, at) => (at % 2 === 1 && good[at - 1]?.toLowerCase() === 'signature-input' ? change(value) : value))
  const time = now / 1000
  for (const [name, change, expected] of [
    ['a later time', (text: string) => text.replace(`created=${time}`, `created=${time + 1}`), 'signature-mismatch'],
    ['a time in quotes', (text: string) => text.replace(`created=${time}`, `created="${time}"`), 'timestamp-malformed'],
    ['a time with a fraction', (text: string) => text.replace(`created=${time}`, `created=${time}.5`), 'timestamp-malformed'],
    ['a time before all', (text: string) => text.replace(`created=${time}`, 'created=-1'), 'timestamp-malformed'],
    ['an end that is no time', (text: string) => `${text};expires="x"`, 'timestamp-malformed'],
    ['another end', (text: string) => `${text};expires=${time + 9}`, 'signature-mismatch'],
    ['another nonce', (text: string) => `${text};nonce="n"`, 'signature-mismatch'],
    ['another key', (text: string) => text.replace('key-1', 'key-2'), 'signature-mismatch'],
    ['a component twice', (text: string) => text.replace('("@method"', '("@method" "@method"'), 'signature-malformed'],
    ['a component of responses', (text: string) => text.replace('("@method"', '("@method" "@status"'), 'signature-malformed'],
    ['a component of the request before', (text: string) => text.replace('"@path"', '"@path";req'), 'signature-malformed'],
    ['a trailer', (text: string) => text.replace('"content-digest"', '"content-digest";tr'), 'signature-malformed'],
    ['its own parameters', (text: string) => text.replace('("@method"', '("@method" "@signature-params"'), 'signature-malformed'],
    ['a name in upper case', (text: string) => text.replace('"content-digest")', '"content-digest" "Host")'), 'signature-malformed'],
  ] as const) t.equal(await said(delivery(changed(change))), expected, name)
})

t.test('several signatures in one message', async (t) => {
  const good = await signed()
  const value = (name: string) => good[good.findIndex((text) => text.toLowerCase() === name) + 1] ?? ''
  const both = (inputs: string, signatures: string) => delivery(good.map((text, at) => {
    const name = good[at - 1]?.toLowerCase()
    return name === 'signature-input' ? inputs : name === 'signature' ? signatures : text
  }))
  const [input, signature] = [value('signature-input'), value('signature')]
  const other = input.replace(/^[a-z0-9]+=/, 'other=')
  t.equal(await said(both(`${other}, ${input}`, `other=:AAAA:, ${signature}`)), 'signed', 'one that holds is enough')
  t.equal(await said(both(`${other}, ${input}`, 'other=:AAAA:')), 'signature-mismatch', 'the one that counts is not there')
  const nine = Array.from({ length: 9 }, (_, nth) => other.replace('other', `s${nth}`)).join(', ')
  t.equal(await said(both(nine, signature)), 'signature-malformed', 'too many')
  t.equal(await said(both(`${input}, ${input}`, `${signature}, ${signature}`)), 'signed', 'one label twice is the last of them, in both')
})

const cavageNames = ['(request-target)', 'host', 'date', 'digest']

function cavage({ names = cavageNames, text = body, date = new Date(now).toUTCString(), more = '' } = {}): string[] {
  const values: Record<string, string> = {
    '(request-target)': 'post /in?a=1&b=x%20y', host: 'hooks.example.com', date, digest: `SHA-256=${digestOf(text)}`, '(created)': String(now / 1000),
  }
  const signature = createSign('sha256').update(names.map((name) => `${name}: ${values[name]}`).join('\n')).sign(rsa.privateKey, 'base64')
  return [
    'Host', 'hooks.example.com', 'Date', date, 'Digest', `SHA-256=${digestOf(text)}`,
    'Signature', `keyId="https://social.example/users/a#main-key",algorithm="rsa-sha256",headers="${names.join(' ')}",signature="${signature}"${more}`,
  ]
}

t.test('draft-cavage', async (t) => {
  const say = async (one: Verifiable, id?: string) => {
    const { scheme } = compiled(preset('activitypub'), { keys: written([pem(rsa.publicKey)], id) })
    return scheme === undefined ? 'nothing' : await judge(scheme, one)
  }
  const cases: [string, Verifiable, string][] = [
    ['signed', delivery(cavage()), 'signed'],
    ['another body', delivery(cavage(), '{}'), 'digest-mismatch'],
    ['another path', delivery(cavage(), body, { path: '/other' }), 'signature-mismatch'],
    ['a body that nothing covers', delivery(cavage({ names: cavageNames.slice(0, 3) })), 'signature-mismatch'],
    ['no body', delivery(cavage({ names: cavageNames.slice(0, 3), text: '' }), ''), 'signed'],
    ['created for the date', delivery(cavage({ names: ['(request-target)', 'host', '(created)', 'digest'], more: `,created=${now / 1000}` })), 'signed'],
    ['expired by its own word', delivery(cavage({ more: `,expires=${now / 1000 - 1}` })), 'timestamp-expired'],
    ['too old', delivery(cavage({ date: new Date(now - 43_201_000).toUTCString() })), 'timestamp-expired'],
    ['no date of the form', delivery(cavage({ date: 'today' })), 'timestamp-malformed'],
    ['no signature', delivery([]), 'signature-missing'],
    ['no parameters', delivery(['Signature', 'abc']), 'signature-malformed'],
    ['two lines of digest', delivery([...cavage(), 'Digest', 'SHA-256=AAAA']), 'signature-malformed'],
  ]
  for (const [name, one, expected] of cases) t.equal(await say(one), expected, name)
  const renamed = (name: string) => cavage().map((text) => text.replace('algorithm="rsa-sha256"', name))
  t.equal(await say(delivery(renamed('algorithm="hs2019"'))), 'signed', 'the key says which')
  t.equal(await say(delivery(cavage().map((text) => text.replace('algorithm="rsa-sha256",', '')))), 'signed')
  for (const name of ['rsa-sha1', 'hmac-sha256', 'rsa-sha512', 'none', '']) t.equal(await say(delivery(renamed(`algorithm="${name}"`))), 'signature-mismatch', `named ${name}`)
  const { scheme } = compiled(schemeSchema.parse({ verifier: { kind: 'cavage', covered: [] } }), { keys: written([pem(rsa.publicKey)]) })
  t.equal(scheme && await judge(scheme, delivery(cavage({ names: ['date'] }))), 'signature-mismatch', 'a body that nothing covers, whatever the list says')
  t.equal(await say(delivery(cavage()), 'https://social.example/users/a#main-key'), 'signed')
  t.equal(await say(delivery(cavage()), 'https://social.example/users/b#main-key'), 'key-unknown')
})

t.test('parameters are read in one way or not at all', async (t) => {
  t.same([...parseParameters('a="1",b=2, c="x,y"') ?? []], [['a', '1'], ['b', '2'], ['c', 'x,y']])
  for (const text of ['', 'a', 'a=', 'a="1', 'a="1"b="2"', 'a="1",a="2"', '="1"', 'a b="1"']) {
    t.equal(parseParameters(text)?.get('signature'), undefined, text)
  }
  fc.assert(fc.property(fc.string(), (text) => parseParameters(text) === undefined || true))
})

t.test('digests', async (t) => {
  const bytes = Buffer.from(body)
  t.equal(checkContentDigest(`sha-512=:${digestOf(body, 'sha512')}:, md5=:AAAA:`, bytes), 'right')
  t.equal(checkContentDigest(`sha-512=:${digestOf(body, 'sha512')}:, sha-256=:AAAA:`, bytes), 'wrong', 'one right one does not help')
  t.equal(checkContentDigest('sha-256=text', bytes), 'wrong')
  t.equal(checkContentDigest('(', bytes), 'unreadable')
  t.equal(checkDigest(`sha-256=${digestOf(body)}`, bytes), 'right')
  t.equal(checkDigest('SHA-256=', bytes), 'wrong')
  t.equal(checkDigest('MD5=AAAA', bytes), 'unreadable')
  for (const weak of ['md5', 'sha', 'unixsum', 'unixcksum', 'adler', 'crc32c', 'id-sha-256']) t.equal(checkContentDigest(`${weak}=:${digestOf(body)}:`, bytes), 'unreadable', `${weak} alone`)
  t.equal(checkContentDigest(`sha=:AAAA:, sha-256=:${digestOf(body)}:`, bytes), 'right', 'beside one that counts')
  t.equal(checkContentDigest(`sha-256=:${digestOf(body)}:, sha-512=:${digestOf(body)}:`, bytes), 'wrong', 'of another length')
  t.equal(checkContentDigest('', bytes), 'unreadable')
})

t.test('no delivery makes them throw', async (t) => {
  const text = fc.oneof(fc.string(), fc.array(fc.constantFrom(...'sig=("@method" "a";b);created=1:,AA==')).map((all) => all.join('')))
  const schemes = ['rfc9421', 'activitypub'].map((name) => compiled(preset(name), { keys: written([pem(rsa.publicKey)]) }).scheme)
  await fc.assert(fc.asyncProperty(text, text, text, async (input, signature, digest) => {
    const one = delivery(['Signature-Input', input, 'Signature', signature, 'Content-Digest', digest, 'Digest', digest, 'Date', digest])
    const verdicts = await Promise.all(schemes.map((scheme) => scheme?.verify(one)))
    return verdicts.every((verdict) => verdict?.verdict === 'refuse')
  }), { numRuns: 500 })
  t.pass()
})
