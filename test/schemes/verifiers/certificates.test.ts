import { createSign, sign } from 'node:crypto'
import { crc32 } from 'node:zlib'
import t from 'tap'
import { Headers } from '../../../src/core/headers.ts'
import { compileScheme } from '../../../src/schemes/compile.ts'
import { KeyUnavailable, type KeyFetcher } from '../../../src/schemes/fetched-keys.ts'
import type { Verifiable } from '../../../src/schemes/reading.ts'
import type { Scheme } from '../../../src/schemes/scheme.ts'
import { makeOdd, privatePem } from '../../support/odd-certificates.ts'
import { makeCa } from '../../support/pki.ts'
import { verifierParameters } from '../../support/verifier-parameters.ts'
import { judge, preset, written } from '../../support/vectors.ts'

/** AWS SNS and PayPal: the request names the certificate. */

const now = Math.floor(Date.now() / 1000) * 1000
const ca = await makeCa()
const usages = ['1.3.6.1.5.5.7.3.1']
const signing = { kind: 'rsa', usages, names: ['dns:sns.amazonaws.com'] } as const
const mine = await ca.client({ ...signing, notAfter: now + 86_400_000 })

interface Given { readonly certificate?: string; readonly asked?: string[]; readonly roots?: readonly string[]; readonly elsewhere?: ReadonlyMap<string, Uint8Array> }

/** A scheme whose certificate is this one, trusted by our authority alone. */
function scheme(name: string, { certificate = mine.certificate, asked = [], roots = [ca.certificate], elsewhere = new Map() }: Given = {}): Scheme {
  const served = Buffer.from(certificate)
  const fetcher: KeyFetcher = {
    fetch: (url, allowed) => {
      asked.push(`${url} ${allowed.join()}`)
      const other = elsewhere.get(url)
      if (other !== undefined) return Promise.resolve(other)
      return certificate === '' || !url.startsWith('https:') ? Promise.reject(new KeyUnavailable('down')) : Promise.resolve(served)
    },
  }
  const keys = { secrets: [], keys: written(roots) }
  const one = compileScheme(preset(name, verifierParameters[name]), keys, { fetcher }, (problem) => { throw new Error(problem.what) })
  return one as Scheme
}

function delivery(headers: readonly string[], body: string): Verifiable {
  return { method: 'POST', path: '/in', query: undefined, headers: new Headers(headers), body: Buffer.from(body), at: now }
}

const topic = 'arn:aws:sns:us-east-1:123456789012:MyTopic'
const certUrl = 'https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem'

/** A message of SNS, signed by the rules of AWS. */
function notification(more: Record<string, string> = {}, key = mine.key): Record<string, string> {
  const fields: Record<string, string> = {
    Type: 'Notification', MessageId: 'm-1', TopicArn: topic, Message: 'Grüße\n"{}"', Timestamp: new Date(now).toISOString(), ...more,
  }
  const names = fields['Type'] === 'Notification'
    ? ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'] : ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']
  const text = names.filter((name) => fields[name] !== undefined).map((name) => `${name}\n${fields[name]}\n`).join('')
  const hash = fields['SignatureVersion'] === '1' ? 'sha1' : 'sha256'
  return { SignatureVersion: '2', SigningCertURL: certUrl, ...fields, Signature: createSign(hash).update(text).sign(key, 'base64') }
}

t.test('sns', async (t) => {
  const asked: string[] = []
  const one = scheme('sns', { asked })
  const say = async (fields: object, which = one) => await judge(which, delivery([], JSON.stringify(fields)))
  const good = notification()
  t.match(await one.verify(delivery([], JSON.stringify(good))), { gain: { signed: { id: 'm-1', at: now, key: certUrl } } })
  t.equal(await say(notification({ Subject: 'Hello' })), 'signed', 'with a subject')
  t.equal(await say(notification({ SignatureVersion: '1' })), 'signed', 'the first version')
  t.equal(await say(notification({ Type: 'SubscriptionConfirmation', SubscribeURL: 'https://sns.us-east-1.amazonaws.com/?x', Token: 't' })), 'signed')
  t.equal(await say({ ...good, Message: 'x' }), 'signature-mismatch')
  t.equal(await say({ ...good, Subject: 'added' }), 'signature-mismatch')
  const nested = notification({ Message: 'x\nMessageId\ny' })
  t.equal(await say(nested), 'signed', 'a message that looks like fields')
  t.equal(await say({ ...nested, Message: 'x', MessageId: 'y\nMessageId\nm-1' }), 'signature-malformed', 'the same bytes, read as a shorter message')
  t.equal(await say({ ...good, MessageAttributes: {} }), 'signed', 'what is not signed')
  t.equal(await say({ ...good, SignatureVersion: '3' }), 'signature-malformed')
  t.equal(await say({ ...good, Type: 'Other' }), 'signature-malformed')
  t.equal(await say({ ...good, Signature: undefined }), 'signature-missing')
  t.equal(await say({ ...good, Signature: 'AAA' }), 'signature-malformed')
  t.equal(await say(notification({ Timestamp: 'today' })), 'timestamp-malformed')
  t.equal(await judge(one, delivery([], `{"Message":"x",${JSON.stringify(good).slice(1)}`)), 'signature-malformed', 'a field twice')
  t.equal(await judge(one, delivery([], 'text')), 'signature-malformed')
  asked.length = 0
  t.equal(await say(notification({ TopicArn: `${topic}2` })), 'key-unknown', 'another topic')
  for (const url of [
    certUrl.replace('amazonaws.com', 'amazonaws.com.evil.example'), certUrl.replace('https', 'http'), certUrl.replace('/Simple', '/x/Simple'), `${certUrl}?x`,
    'https://sns.us-east-1.amazonaws.com/?Action=GetTopicAttributes', certUrl.replace('sns.us-east-1', 's3'),
  ]) t.equal(await say(notification({ SigningCertURL: url })), 'key-unknown', url)
  t.same(asked, [], 'none of them was asked')
  await t.rejects(say(good, scheme('sns', { certificate: '' })), KeyUnavailable, 'a key that cannot be had is no bad signature')
})

t.test('sns without a topic', async (t) => {
  const problems: string[] = []
  const document = preset('sns', { topics: ['MyTopic'] })
  t.equal(compileScheme(document, { secrets: [], keys: [] }, {}, ({ what }) => problems.push(what)), undefined)
  t.match(problems, [/no ARN/])
})

const paypal = await ca.client({ kind: 'rsa', usages, cn: 'messageverificationcerts.paypal.com', names: [] })
const sandbox = await ca.client({ kind: 'rsa', usages, cn: 'x', names: ['dns:messageverificationcerts.sandbox.paypal.com'] })

t.test('paypal', async (t) => {
  const body = '{"id":"WH-1"}'
  const time = new Date(now).toISOString()
  const webhook = verifierParameters['paypal']?.['webhookId'] as string
  const url = 'https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270'
  const signature = sign('sha256', Buffer.from(`t-1|${time}|${webhook}|${crc32(body)}`), paypal.key).toString('base64')
  const headers: Record<string, string> = {
    'PAYPAL-TRANSMISSION-ID': 't-1', 'PAYPAL-TRANSMISSION-TIME': time, 'PAYPAL-TRANSMISSION-SIG': signature, 'PAYPAL-CERT-URL': url, 'PAYPAL-AUTH-ALGO': 'SHA256withRSA',
  }
  const one = scheme('paypal', { certificate: paypal.certificate })
  const say = async (more: Record<string, string | undefined> = {}, text = body) => (
    await judge(one, delivery(Object.entries({ ...headers, ...more }).flatMap(([name, value]) => (value === undefined ? [] : [name, value])), text))
  )
  t.equal(await say(), 'signed')
  t.equal(await say({}, '{"id":"WH-2"}'), 'signature-mismatch')
  t.equal(await say({ 'PAYPAL-TRANSMISSION-ID': 't-2' }), 'signature-mismatch')
  t.equal(await say({ 'PAYPAL-TRANSMISSION-TIME': new Date(now + 1000).toISOString() }), 'signature-mismatch')
  t.equal(await say({ 'PAYPAL-TRANSMISSION-TIME': 'x' }), 'timestamp-malformed')
  t.equal(await say({ 'PAYPAL-TRANSMISSION-TIME': undefined }), 'timestamp-missing')
  t.equal(await say({ 'PAYPAL-AUTH-ALGO': 'SHA1withRSA' }), 'signature-malformed')
  t.equal(await say({ 'PAYPAL-CERT-URL': url.replace('paypal.com', 'paypal.com.evil.example') }), 'key-unknown')
  t.equal(await say({ 'PAYPAL-CERT-URL': 'https://api.paypal.com/v1/other' }), 'key-unknown')
  t.equal(await say({ 'PAYPAL-TRANSMISSION-SIG': undefined }), 'signature-missing')
  t.equal(await say({ 'PAYPAL-TRANSMISSION-SIG': 'x' }), 'signature-malformed')
  for (const [name, certificate, where, expected] of [
    ['in money, the name of the sandbox', sandbox, url, 'key-unknown'], ['in the sandbox', sandbox, url.replace('api.', 'api.sandbox.'), 'signed'],
    ['in the sandbox, the name of money', paypal, url.replace('api.', 'api-m.sandbox.'), 'signed'], ['of SNS', mine, url, 'key-unknown'],
  ] as const) {
    const text = `t-1|${time}|${webhook}|${crc32(body)}`
    const signed = { ...headers, 'PAYPAL-CERT-URL': where, 'PAYPAL-TRANSMISSION-SIG': sign('sha256', Buffer.from(text), certificate.key).toString('base64') }
    t.equal(await judge(scheme('paypal', { certificate: certificate.certificate }), delivery(Object.entries(signed).flat(), body)), expected, name)
  }
})


t.test('a certificate is believed that an authority vouches for, by its name, now', async (t) => {
  const rogue = await makeCa()
  const middle = await ca.below()
  const [below, forged] = [await middle.client(signing), await rogue.client(signing)]
  const elliptic = await ca.client({ usages, names: ['dns:sns.amazonaws.com'] })
  const own = await makeOdd({ name: 'sns.amazonaws.com', kind: 'rsa', dns: ['sns.amazonaws.com'], usages, authority: true })
  const one = (more: object) => ca.client({ ...signing, ...more })
  const cases: [string, { readonly certificate: string; readonly key: string }, Given, string][] = [
    ['below the authority', mine, {}, 'signed'],
    ['below what is served with it', below, { certificate: below.chain }, 'signed'],
    ['below what is not served', below, {}, 'key-unknown'],
    ['below what the operator gave', below, { roots: [ca.certificate + middle.certificate] }, 'signed'],
    ['of another authority', forged, {}, 'key-unknown'],
    ['of another authority that is served with it', forged, { certificate: forged.certificate + rogue.certificate }, 'key-unknown'],
    ['of its own making', { certificate: own.pem, key: await privatePem(own) }, {}, 'key-unknown'],
    ['that nobody public vouches for', mine, { roots: [] }, 'key-unknown'],
    ['for another name', await one({ names: ['dns:sns.amazonaws.com.evil.example'] }), {}, 'key-unknown'],
    ['for the names below', await one({ names: ['dns:*.amazonaws.com'] }), {}, 'key-unknown'],
    ['for the name of another service', await one({ names: ['dns:s3.amazonaws.com'] }), {}, 'key-unknown'],
    ['with its name in the subject, and another one', await one({ cn: 'sns.amazonaws.com', names: ['dns:evil.example'] }), {}, 'key-unknown'],
    ['with its name in the subject alone', await one({ cn: 'sns.amazonaws.com', names: [] }), {}, 'signed'],
    ['with its name as a URI', await one({ names: ['uri:sns.amazonaws.com'] }), {}, 'key-unknown'],
    ['for the region', await one({ names: ['dns:sns.us-east-1.amazonaws.com'] }), {}, 'signed'],
    ['for the region, as newer ones have it', await one({ names: ['dns:sns-signing.us-east-1.amazonaws.com'] }), {}, 'signed'],
    ['for another region', await one({ names: ['dns:sns.eu-west-1.amazonaws.com'] }), {}, 'key-unknown'],
    ['for mail', await one({ usages: ['1.3.6.1.5.5.7.3.4'] }), {}, 'key-unknown'],
    ['that has had its time', await one({ notBefore: now - 10_000, notAfter: now - 5_000 }), {}, 'key-unknown'],
    ['whose time has not come', await one({ notBefore: now + 5_000 }), {}, 'key-unknown'],
    ['with another kind of key', elliptic, {}, 'key-unknown'],
    ['that is none', mine, { certificate: 'junk' }, 'key-unknown'],
    ['that is broken behind', mine, { certificate: `${mine.certificate}-----BEGIN CERTIFICATE-----\n` }, 'key-unknown'],
    ['with a key behind it', mine, { certificate: mine.certificate + mine.key }, 'key-unknown'],
  ]
  for (const [name, { certificate, key }, given, expected] of cases) {
    const message = key === elliptic.key ? notification() : notification({}, key)
    t.equal(await judge(scheme('sns', { certificate, ...given }), delivery([], JSON.stringify(message))), expected, name)
  }
})

t.test('AWS serves a leaf alone: what is above it is asked of its authority', async (t) => {
  const root = await makeOdd({ name: 'root', authority: true })
  const at = 'http://crt.r2m01.amazontrust.com/r2m01.cer'
  const middle = await makeOdd({ name: 'middle', authority: true, by: root, issuerAt: 'http://crt.rootca1.amazontrust.com/rootca1.cer' })
  const leafAt = (issuerAt: string) => makeOdd({ name: 'leaf', kind: 'rsa', by: middle, usages, dns: ['sns.amazonaws.com'], issuerAt })
  const leaf = await leafAt(at)
  const say = async (one: typeof leaf, asked: string[], elsewhere = new Map<string, Uint8Array>([[at, middle.certificate.raw]])) => {
    const message = JSON.stringify(notification({}, await privatePem(one)))
    return await judge(scheme('sns', { certificate: one.pem, asked, roots: [root.pem], elsewhere }), delivery([], message))
  }
  const asked: string[] = []
  t.equal(await say(leaf, asked), 'signed')
  t.equal(asked.length, 2, 'and no further than needed')
  t.same(asked[1], `${at} http://crt.*.amazontrust.com`, 'at the hosts of the authority, and no others')
  await t.rejects(say(leaf, [], new Map()), KeyUnavailable, 'what cannot be had is undecidable, and no bad signature')
  t.equal(await say(leaf, [], new Map([[at, root.certificate.raw]])), 'key-unknown', 'another certificate there')
  t.equal(await say(leaf, [], new Map([[at, Buffer.from('junk')]])), 'key-unknown', 'no certificate there')
  t.equal(await say(await makeOdd({ name: 'leaf', kind: 'rsa', by: middle, usages, dns: ['sns.amazonaws.com'] }), []), 'key-unknown', 'where it says nothing')
})

t.test('SHA-1 may be refused', async (t) => {
  const fetcher: KeyFetcher = { fetch: () => Promise.resolve(Buffer.from(mine.certificate)) }
  const document = preset('sns', { ...verifierParameters['sns'], versions: ['2'] })
  const one = compileScheme(document, { secrets: [], keys: written([ca.certificate]) }, { fetcher }, () => {}) as Scheme
  t.equal(await judge(one, delivery([], JSON.stringify(notification()))), 'signed')
  t.equal(await judge(one, delivery([], JSON.stringify(notification({ SignatureVersion: '1' })))), 'signature-malformed')
})

t.test('what stands under keys are authorities', async (t) => {
  const problems: string[] = []
  const say = (keys: readonly string[], secrets: readonly string[] = []) => compileScheme(
    preset('sns', verifierParameters['sns']), { secrets: written(secrets), keys: written(keys) }, {}, ({ what }) => problems.push(what),
  )
  t.equal(say([mine.certificate]), undefined)
  t.equal(say(['junk']), undefined)
  t.equal(say([], ['a secret']), undefined)
  t.match(problems, [/no authorities/, /no authorities/, /no secrets/])
  t.ok(say([]), 'left out: the public roots')
})

t.test('a certificate of today, as AWS publishes its names', async (t) => {
  const china = { ...notification(), SigningCertURL: 'https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0.pem' }
  const one = await ca.client({ ...signing, names: ['dns:sns-cn-north-1.amazonaws.com.cn'] })
  const text = createSign('sha256')
  for (const name of ['Message', 'MessageId', 'Timestamp', 'TopicArn', 'Type'] as const) text.update(`${name}\n${(china as Record<string, string>)[name]}\n`)
  const signed = { ...china, Signature: text.sign(one.key, 'base64') }
  t.equal(await judge(scheme('sns', { certificate: one.certificate }), delivery([], JSON.stringify(signed))), 'signed')
})
