import { createHash, createHmac, randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { Headers } from '../../../src/core/headers.ts'
import type { Verifiable } from '../../../src/schemes/reading.ts'
import type { SchemeKeys } from '../../../src/schemes/scheme-keys.ts'
import type { Scheme } from '../../../src/schemes/scheme.ts'
import { compiled, judge, preset, written } from '../../support/vectors.ts'

/** The built-in verifiers whose proof is an HMAC: each sender written once more, with node:crypto alone. */

const secret = randomBytes(16).toString('hex')
const now = 1_767_225_600_000
const url = 'https://hooks.example.com/in'
const hmac = (hash: string, key: string | Buffer, text: string | Buffer) => createHmac(hash, key).update(text)

function delivery(headers: Record<string, string>, body: string, given: Partial<Verifiable> = {}): Verifiable {
  return { method: 'POST', path: '/in', query: undefined, headers: new Headers(Object.entries(headers).flat()), body: Buffer.from(body), at: now, ...given }
}

function scheme(name: string, keys: Partial<SchemeKeys> = { secrets: written([secret]) }): Scheme {
  const { scheme, problems } = compiled(preset(name), keys, url)
  if (scheme === undefined) throw new Error(JSON.stringify(problems))
  return scheme
}

async function table(t: Test, one: Scheme, cases: readonly (readonly [string, Verifiable, string])[]): Promise<void> {
  for (const [name, what, expected] of cases) t.equal(await judge(one, what), expected, name)
}

t.test('mercado-pago', async (t) => {
  const sign = (text: string) => hmac('sha256', secret, text).digest('hex')
  const ts = String(now)
  const good = sign(`id:abc1;request-id:r-1;ts:${ts};`)
  const headers = { 'x-signature': `ts=${ts},v1=${good}`, 'x-request-id': 'r-1' }
  await table(t, scheme('mercado-pago'), [
    ['signed', delivery(headers, '{}', { query: 'data.id=ABC1&type=payment' }), 'signed'],
    ['another id', delivery(headers, '{}', { query: 'data.id=ABC2' }), 'signature-mismatch'],
    ['two ids', delivery(headers, '{}', { query: 'data.id=ABC1&data.id=ABC1' }), 'signature-malformed'],
    ['another request', delivery({ ...headers, 'x-request-id': 'r-2' }, '{}', { query: 'data.id=ABC1' }), 'signature-mismatch'],
    ['without an id', delivery({ 'x-signature': `ts=${ts},v1=${sign(`ts:${ts};`)}` }, '{}'), 'signed'],
    ['another time', delivery({ ...headers, 'x-signature': `ts=1,v1=${good}` }, '{}', { query: 'data.id=ABC1' }), 'signature-malformed'],
    ['unsigned', delivery({}, '{}'), 'signature-missing'],
  ])
})

t.test('contentful', async (t) => {
  const list = 'x-contentful-signed-headers,x-contentful-timestamp,x-contentful-topic'
  const head = (time: number, path: string) => (
    `POST\n${path}\nx-contentful-signed-headers:${list};x-contentful-timestamp:${time};x-contentful-topic:a.b\n{"a":1}`
  )
  const headers = (time = now, path = '/in', names = list) => ({
    'X-Contentful-Timestamp': String(time), 'X-Contentful-Signed-Headers': names, 'X-Contentful-Topic': 'a.b',
    'X-Contentful-Signature': hmac('sha256', secret, head(time, path)).digest('hex'),
  })
  await table(t, scheme('contentful'), [
    ['signed', delivery(headers(), '{"a":1}'), 'signed'],
    ['with a query, escaped twice', delivery(headers(now, '/in?q%253D1%2526w%253D2'), '{"a":1}', { query: 'q=1&w=2' }), 'signed'],
    ['another query', delivery(headers(now, '/in?q%253D1%2526w%253D2'), '{"a":1}', { query: 'q=1&w=3' }), 'signature-mismatch'],
    ['another body', delivery(headers(), '{"a":2}'), 'signature-mismatch'],
    ['another header that is signed', delivery({ ...headers(), 'X-Contentful-Topic': 'c' }, '{"a":1}'), 'signature-mismatch'],
    ['a list without the time', delivery(headers(now, '/in', 'x-contentful-signed-headers,x-contentful-topic'), '{"a":1}'), 'signature-malformed'],
    ['a list with a header that is not there', delivery(headers(now, '/in', `${list},x-none`), '{"a":1}'), 'signature-malformed'],
    ['a list that names one twice', delivery(headers(now, '/in', `${list},x-contentful-topic`), '{"a":1}'), 'signature-malformed'],
    ['at the edge', delivery(headers(now - 30_000), '{"a":1}'), 'signed'],
    ['beyond it', delivery(headers(now - 30_001), '{"a":1}'), 'timestamp-expired'],
    ['no time', delivery({ ...headers(), 'X-Contentful-Timestamp': '' }, '{"a":1}'), 'timestamp-malformed'],
    ['no digest', delivery({ ...headers(), 'X-Contentful-Signature': 'abc' }, '{"a":1}'), 'signature-malformed'],
  ])
})

t.test('plivo', async (t) => {
  const sign = (text: string) => hmac('sha256', secret, `${text}.n-1`).digest('base64')
  const headers = (signature: string) => ({ 'X-Plivo-Signature-V3': signature, 'X-Plivo-Signature-V3-Nonce': 'n-1' })
  const form = 'To=%2B49&From=a+b&From=a'
  await table(t, scheme('plivo'), [
    ['a form', delivery(headers(sign(`${url}?FromaFroma bTo+49`)), form), 'signed'],
    ['a form and a query', delivery(headers(sign(`${url}?a=1&b=2.FromaFroma bTo+49`)), form, { query: 'b=2&a=1' }), 'signed'],
    ['a query', delivery(headers(sign(`${url}?a=1&b=2`)), '', { query: 'b=2&a=1', method: 'GET' }), 'signed'],
    ['neither', delivery(headers(sign(url)), '', { method: 'GET' }), 'signed'],
    ['one of several', delivery(headers(`AAAA,${sign(url)}`), '', { method: 'GET' }), 'signed'],
    ['another form', delivery(headers(sign(`${url}?FromaFroma bTo+49`)), 'To=%2B49&From=c'), 'signature-mismatch'],
    ['another nonce', delivery({ ...headers(sign(url)), 'X-Plivo-Signature-V3-Nonce': 'n-2' }, '', { method: 'GET' }), 'signature-mismatch'],
    ['no nonce', delivery({ 'X-Plivo-Signature-V3': sign(url) }, '', { method: 'GET' }), 'signature-malformed'],
    ['no form', delivery(headers(sign(url)), '%'), 'signature-malformed'],
  ])
})

t.test('braintree', async (t) => {
  const key = createHash('sha1').update('private_key_of_ours').digest()
  const sign = (text: string) => hmac('sha1', key, text).digest('hex')
  const payload = Buffer.from('<notification/>').toString('base64')
  const body = (signature: string, text = payload) => new URLSearchParams({ bt_signature: signature, bt_payload: text }).toString()
  const one = scheme('braintree', { secrets: written(['private_key_of_ours'], 'public_1') })
  await table(t, one, [
    ['signed', delivery({}, body(`public_1|${sign(payload)}`)), 'signed'],
    ['with a line feed that was lost', delivery({}, body(`public_1|${sign(`${payload}\n`)}`)), 'signed'],
    ['beside another key', delivery({}, body(`public_2|${'0'.repeat(40)}&public_1|${sign(payload)}`)), 'signed'],
    ['another payload', delivery({}, body(`public_1|${sign(payload)}`, 'AAAA')), 'signature-mismatch'],
    ['NULs behind', delivery({}, body(`public_1|${sign(payload)}\0\0`)), 'signature-mismatch'],
    ['an unknown key', delivery({}, body(`public_2|${sign(payload)}`)), 'key-unknown'],
    ['two payloads', delivery({}, `${body(`public_1|${sign(payload)}`)}&bt_payload=AAAA`), 'signature-malformed'],
    ['none', delivery({}, 'a=1'), 'signature-missing'],
    ['no pairs', delivery({}, body('abc')), 'signature-malformed'],
  ])
  t.match(compiled(preset('braintree'), { secrets: written(['private_key_of_ours']) }).problems, [{ what: /needs its public key/ }])
})

t.test('adyen', async (t) => {
  const keyBytes = randomBytes(32)
  const one = scheme('adyen', { secrets: written([keyBytes.toString('hex')]) })
  const fields = { pspReference: 'p', merchantAccountCode: 'm', merchantReference: 'r', eventCode: 'AUTHORISATION', success: 'true' }
  const sign = (value: string) => hmac('sha256', keyBytes, `p::m:r:${value}:EUR:AUTHORISATION:true`).digest('base64')
  const item = (value: string, signature: string) => JSON.stringify({ NotificationRequestItem: { ...fields, amount: { value: 1, currency: 'EUR' }, additionalData: { hmacSignature: signature } } }).replace('"value":1', `"value":${value}`)
  const body = (...items: string[]) => `{"notificationItems":[${items.join(',')}]}`
  await table(t, one, [
    ['signed', delivery({}, body(item('10', sign('10')))), 'signed'],
    ['two', delivery({}, body(item('10', sign('10')), item('11', sign('11')))), 'signed'],
    ['the second is not', delivery({}, body(item('10', sign('10')), item('11', sign('10')))), 'signature-mismatch'],
    ['another amount', delivery({}, body(item('99', sign('10')))), 'signature-mismatch'],
    ['no items', delivery({}, body()), 'signature-missing'],
    ['an item that is none', delivery({}, body(item('10', sign('10')), '{}')), 'signature-missing'],
    ['a field twice', delivery({}, body(item('10', sign('10')).replace('"pspReference":"p"', '"pspReference":"q","pspReference":"p"'))), 'signature-malformed'],
    ['no signature', delivery({}, body('{"NotificationRequestItem":{}}')), 'signature-missing'],
    ['101 items', delivery({}, body(...Array.from({ length: 101 }, () => item('10', sign('10'))))), 'signature-missing'],
    ['no JSON', delivery({}, 'a=1'), 'signature-malformed'],
    ['a control character in a text that nobody reads', delivery({}, body(item('10', sign('10'))).replace('{', '{"x":"\u0001",')), 'signature-missing'],
    ['half an escape in one', delivery({}, body(item('10', sign('10'))).replace('{', '{"x":"\\u00",')), 'signature-missing'],
    ['padding bits', delivery({}, body(item('10', sign('10').replace(/.=$/, 'B=')))), 'signature-malformed'],
  ])
})

t.test('twilio', async (t) => {
  const sign = (text: string) => hmac('sha1', secret, text).digest('base64')
  const headers = (text: string) => ({ 'X-Twilio-Signature': sign(text) })
  const form = 'To=%2B49&From=a'
  const digest = createHash('sha256').update('{}').digest('hex')
  await table(t, scheme('twilio'), [
    ['a form', delivery(headers(`${url}FromaTo+49`), form), 'signed'],
    ['signed with the port', delivery(headers('https://hooks.example.com:443/inFromaTo+49'), form), 'signed'],
    ['a query as received', delivery(headers(`${url}?q=a'bFromaTo+49`), form, { query: "q=a'b" }), 'signed'],
    ['a query that was escaped', delivery(headers(`${url}?q=a%27bFromaTo+49`), form, { query: "q=a'b" }), 'signed'],
    ['another form', delivery(headers(`${url}FromaTo+49`), 'To=%2B50&From=a'), 'signature-mismatch'],
    ['a digest of the body', delivery(headers(`${url}?bodySHA256=${digest}`), '{}', { query: `bodySHA256=${digest}` }), 'signed'],
    ['of another body', delivery(headers(`${url}?bodySHA256=${digest}`), '{ }', { query: `bodySHA256=${digest}` }), 'digest-mismatch'],
    ['two digests', delivery(headers(url), '{}', { query: `bodySHA256=${digest}&bodySHA256=${digest}` }), 'signature-malformed'],
    ['no signature', delivery({}, form), 'signature-missing'],
    ['no digest', delivery({ 'X-Twilio-Signature': 'WRONG' }, form), 'signature-malformed'],
    ['no form', delivery(headers(url), '%'), 'signature-malformed'],
  ])
  t.match(compiled(preset('twilio'), { secrets: written([secret]) }).problems, [{ what: /publicUrl is missing/ }])
  t.match(compiled(preset('twilio'), {}, url).problems, [{ what: /secrets is missing/ }])
  t.match(compiled(preset('twilio'), { secrets: written([secret]) }, 'hooks').problems, [{ path: ['publicUrl'] }])
})
