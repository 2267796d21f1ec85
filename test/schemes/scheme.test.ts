import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { Headers } from '../../src/core/headers.ts'
import { algorithms } from '../../src/schemes/algorithms/index.ts'
import { schemeSchema, type SchemeInput } from '../../src/schemes/document.ts'
import type { Verifiable } from '../../src/schemes/reading.ts'
import { play, send, type Played } from '../support/sender.ts'
import { compiled, judge, preset, written } from '../support/vectors.ts'

const key = 'a secret of more than sixteen bytes'
const body = Buffer.from('{"id":"evt_1"}')
const mac = (text: string | Uint8Array, encoding: 'hex' | 'base64' = 'hex') => createHmac('sha256', key).update(text).digest(encoding)

/** One delivery; only what matters is given. */
function delivery(headers: readonly string[], given: Partial<Verifiable> = {}): Verifiable {
  return { method: 'POST', path: '/in', query: undefined, headers: new Headers(headers), body, at: 1_700_000_000_000, ...given }
}

/** What a scheme with one secret says: the key that matched, or the reason. */
async function said(input: SchemeInput, one: Verifiable, secrets = written([key])): Promise<string> {
  const { scheme, problems } = compiled(schemeSchema.parse(input), { secrets })
  if (scheme === undefined) return problems.map(({ what }) => what).join('; ')
  const verdict = await scheme.verify(one)
  return verdict.verdict === 'pass' ? verdict.gain.signed?.key ?? '' : verdict.reason
}

const plain = { header: 'X-S', algorithm: 'hmac-sha256' } as const
const good = mac(body)

t.test('places', async (t) => {
  const bodyWith = (field: string) => Buffer.from(`{"sig":"${field}","n":1}`)
  const cases: [string, SchemeInput, Verifiable, string][] = [
    ['a header', { signature: plain }, delivery(['x-s', good]), 'env:KEY_0'],
    ['none', { signature: plain }, delivery([]), 'signature-missing'],
    ['an empty one', { signature: plain }, delivery(['X-S', '']), 'signature-malformed'],
    ['a query parameter', { signature: { query: 's', algorithm: 'hmac-sha256' } }, delivery([], { query: `a=1&s=${good}` }), 'env:KEY_0'],
    ['twice in the query', { signature: { query: 's', algorithm: 'hmac-sha256' } }, delivery([], { query: `s=${good}&s=${good}` }), 'signature-malformed'],
    ['a broken query', { signature: { query: 's', algorithm: 'hmac-sha256' } }, delivery([], { query: `s=${good}&a=%` }), 'signature-malformed'],
    ['a JSON field', { signature: { json: 'sig', algorithm: 'hmac-sha256' }, message: 'n{json:n}' }, delivery([], { body: bodyWith(mac('n1')) }), 'env:KEY_0'],
    ['a JSON field twice', { signature: { json: 'sig', algorithm: 'hmac-sha256' }, message: 'n' }, delivery([], { body: Buffer.from(`{"sig":"${mac('n')}","sig":"${mac('n')}"}`) }), 'signature-malformed'],
    ['no JSON', { signature: { json: 'sig', algorithm: 'hmac-sha256' }, message: 'n' }, delivery([], { body: Buffer.from('sig=1') }), 'signature-missing'],
    ['a form field', { signature: { form: 's', algorithm: 'hmac-sha256' }, message: '{form:p}' }, delivery([], { body: Buffer.from(`p=a+b&s=${mac('a b')}`) }), 'env:KEY_0'],
    ['JSON in a form field', { signature: { form: 'j', json: 'e.s', algorithm: 'hmac-sha256' }, message: 'x' }, delivery([], { body: Buffer.from(`j=${encodeURIComponent(`{"e":{"s":"${mac('x')}"}}`)}`) }), 'env:KEY_0'],
    ['JSON in base64 in a header', { signature: { header: 'X-S', decode: 'base64', json: 's', algorithm: 'hmac-sha256' } }, delivery(['X-S', Buffer.from(`{"s":"${good}"}`).toString('base64')]), 'env:KEY_0'],
    ['no base64', { signature: { header: 'X-S', decode: 'base64', json: 's', algorithm: 'hmac-sha256' } }, delivery(['X-S', '***']), 'signature-malformed'],
    ['the third of numbered ones', { signature: { numbered: 'X-S-', algorithm: 'hmac-sha256' } }, delivery(['X-S-1', mac('no'), 'X-S-3', good]), 'env:KEY_0'],
    ['a number that is none', { signature: { numbered: 'X-S-', algorithm: 'hmac-sha256' } }, delivery(['X-S-01', good, 'X-S-', good, 'X-S-17', good]), 'signature-missing'],
    ['a number twice', { signature: { numbered: 'X-S-', algorithm: 'hmac-sha256' } }, delivery(['X-S-1', good, 'x-s-1', good]), 'signature-malformed'],
    ['items of a list by position', { signature: { ...plain, list: ',', position: 'rest' }, timestamp: { header: 'X-S', list: ',', position: 1 }, message: '{timestamp}.' }, delivery(['X-S', `17,${mac('no')},${mac('17.')}`]), 'env:KEY_0'],
    ['hex in upper case', { signature: plain }, delivery(['X-S', good.toUpperCase()]), 'env:KEY_0'],
    ['characters that fold into the right bytes', { signature: plain }, delivery(['X-S', [...good].map((one) => String.fromCharCode(one.charCodeAt(0) + 256)).join('')]), 'signature-malformed'],
    ['a wrong prefix', { signature: { ...plain, prefix: 'sha256=' } }, delivery(['X-S', `sha1=${good}`]), 'signature-malformed'],
    ['labels that name fields of objects', { signature: { ...plain, list: ',', prefix: 'v1=' } }, delivery(['X-S', `__proto__=1,constructor=2, v1=${good}`]), 'env:KEY_0'],
  ]
  for (const [name, input, one, expected] of cases) t.equal(await said(input, one), expected, name)
})

t.test('a key that the sender names', async (t) => {
  const input: SchemeInput = { signature: plain, keyId: { header: 'X-Key' } }
  const named = [...written(['another secret, also long'], 'old'), ...written([key], 'new')]
  t.equal(await said(input, delivery(['X-S', good, 'X-Key', 'new']), named), 'env:KEY_0')
  t.equal(await said(input, delivery(['X-S', good, 'X-Key', 'old']), named), 'signature-mismatch', 'is the only one that is asked')
  t.equal(await said(input, delivery(['X-S', good, 'X-Key', 'none']), named), 'key-unknown')
  t.equal(await said(input, delivery(['X-S', good]), named), 'signature-malformed')
  t.match(await said(input, delivery([])), /has no id/)
})

t.test('what else must stand there', async (t) => {
  const input: SchemeInput = { signature: plain, require: [{ header: 'X-Version', equals: ['1', '2'] }] }
  t.equal(await said(input, delivery(['X-S', good, 'X-Version', '2'])), 'env:KEY_0')
  t.equal(await said(input, delivery(['X-S', good, 'X-Version', '3'])), 'signature-malformed')
  t.equal(await said(input, delivery(['X-S', good])), 'signature-malformed')
})

t.test('what is not covered is refused at load', async (t) => {
  t.match(await said({ signature: plain, timestamp: { header: 'X-T' } }, delivery([])), /does not cover the timestamp/)
  t.match(await said({ signature: plain, id: { header: 'X-Id' } }, delivery([])), /does not cover the id/)
  t.match(await said({ signature: { header: 'X', algorithm: 'token', encoding: 'text' }, id: { json: 'id' } }, delivery([])), /does not cover/)
  t.match(await said({ signature: plain, message: '{field:x}' }, delivery([])), /fields has no x/)
  t.match(await said({ signature: { algorithm: 'hmac-sha256' } }, delivery([])), /names no place/)
  t.match(await said({ signature: { header: 'X', query: 'y', algorithm: 'hmac-sha256' } }, delivery([])), /or several/)
  t.throws(() => schemeSchema.parse({}), /either/)
  t.throws(() => schemeSchema.parse({ signature: { ...plain, colour: 1 } }))
})

t.test('an id inside a signed body', async (t) => {
  const { scheme } = compiled(schemeSchema.parse({ signature: plain, id: { json: 'id' } }), { secrets: written([key]) })
  const idOf = async (text: string) => {
    const verdict = await scheme?.verify(delivery(['X-S', mac(text)], { body: Buffer.from(text) }))
    return verdict?.verdict === 'pass' ? verdict.gain.signed?.id : verdict?.reason
  }
  t.equal(await idOf('{"id":"evt_1"}'), 'evt_1')
  t.equal(await idOf('a=1'), undefined, 'no JSON, no id')
  t.equal(await idOf('{"id":{}}'), undefined)
  t.equal(await idOf('{"id":""}'), undefined, 'an empty one is none')
  t.equal(await idOf('{"id":1,"id":2}'), undefined, 'two ids are none: the whole message is the nonce then')
})

t.test('a plain hash leaves its secret out of what is kept', async (t) => {
  const proof = createHash('sha256').update(key).update(body).digest('hex')
  const input: SchemeInput = { signature: { header: 'X-S', algorithm: 'hash-sha256' }, message: '{secret}{body}' }
  const { scheme } = compiled(schemeSchema.parse(input), { secrets: written([key]) })
  const verdict = await scheme?.verify(delivery(['X-S', proof]))
  t.match(verdict, { verdict: 'pass', gain: { signed: { material: [body] } } })
})

t.test('inspection shows what is right, and never a key', async (t) => {
  const { scheme } = compiled(preset('stripe'), { secrets: written([key]) })
  const seen = scheme?.inspect?.(delivery(['Stripe-Signature', 't=17,v1=00']))
  t.match(seen, {
    refusal: { reason: 'signature-malformed' }, timestamp: '17',
    found: [{ where: 'header stripe-signature', algorithm: 'hmac-sha256', texts: ['00'] }],
  })
  const whole = scheme?.inspect?.(delivery(['Stripe-Signature', `t=17,v1=${'0'.repeat(64)}`]))
  t.equal(whole?.expected[0]?.text, createHmac('sha256', key).update('17.').update(body).digest('hex'))
  t.equal(Buffer.concat(whole?.material ?? []).toString(), '17.{"id":"evt_1"}')
  t.notOk(JSON.stringify(whole).includes(key))
  const token = compiled(preset('gitlab'), { secrets: written([key]) })
  t.same(token.scheme?.inspect?.(delivery(['X-Gitlab-Token', 'x'])).expected, [], 'a token is not shown')
})

/** One of each kind; test/schemes/senders.test.ts has all. */
const kinds = ['discord', 'docusign', 'github', 'gitlab', 'hmac', 'pandadoc', 'sendgrid', 'slack', 'standard-webhooks', 'stripe', 'twitch', 'wise']

const played = kinds.flatMap((name): Played[] => {
  const one = play(preset(name, name === 'hmac' ? { header: 'X-Signature' } : {}))
  return typeof one === 'string' ? [] : [one]
})

t.test('whatever is signed passes, and with one bit changed it does not', async (t) => {
  for (const { document, scheme, sign, unsigned } of played) {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), async (bytes, place) => {
      const one = send(sign, { ...unsigned, body: bytes })
      if (await judge(scheme, one) !== 'signed') return false
      if (document.signature !== undefined && [document.signature].flat().some(({ algorithm }) => algorithm === 'token')) return true
      const changed = Uint8Array.from(bytes)
      changed[place % bytes.length] = (changed[place % bytes.length] as number) ^ (1 << (place % 8))
      return await judge(scheme, { ...one, body: changed }) !== 'signed'
    }), { numRuns: 20 })
  }
  t.pass()
})

t.test('no delivery makes it throw', async (t) => {
  const text = fc.oneof(fc.string(), fc.array(fc.constantFrom(...'t=17,v1:.;% {}"0a\\')).map((all) => all.join('')))
  const schemes = played.map(({ scheme }) => scheme)
  const names = [...new Set(schemes.flatMap(({ headers }) => headers.slice(0, 3)))]
  const anything = fc.record({
    headers: fc.array(fc.tuple(fc.oneof(fc.constantFrom(...names), fc.string()), text), { maxLength: 8 }),
    body: fc.oneof(fc.uint8Array(), text.map((one) => Buffer.from(one))), query: fc.option(text, { nil: undefined }),
  })
  await fc.assert(fc.asyncProperty(anything, async ({ headers, body: bytes, query }) => {
    const one = delivery(headers.flat(), { body: bytes, query })
    const verdicts = await Promise.all(schemes.map((scheme) => scheme.verify(one)))
    for (const scheme of schemes) scheme.inspect?.(one)
    return verdicts.every(({ verdict }) => verdict === 'refuse')
  }), { numRuns: 300 })
  t.pass()
})

t.test('every algorithm can be named by a scheme, and signs and verifies', async (t) => {
  for (const { name } of algorithms) {
    const one = play(schemeSchema.parse({
      signature: { header: 'X-S', algorithm: name, encoding: name === 'token' ? 'text' : 'base64' }, message: name.startsWith('hash') ? '{secret}{body}' : '{body}',
    }))
    t.equal(typeof one === 'string' ? one : await judge(one.scheme, one.delivery), 'signed', name)
  }
})
