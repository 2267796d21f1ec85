import { createSign, sign } from 'node:crypto'
import { crc32 } from 'node:zlib'
import t from 'tap'
import { Headers } from '../../../src/core/headers.ts'
import { certificateKey } from '../../../src/schemes/certificates.ts'
import { compileScheme } from '../../../src/schemes/compile.ts'
import { KeyUnavailable, type KeyFetcher } from '../../../src/schemes/fetched-keys.ts'
import type { Verifiable } from '../../../src/schemes/reading.ts'
import type { Scheme } from '../../../src/schemes/scheme.ts'
import { makeCa } from '../../support/pki.ts'
import { verifierParameters } from '../../support/verifier-parameters.ts'
import { judge, preset } from '../../support/vectors.ts'

/** AWS SNS and PayPal: the request names the certificate. */

const now = Math.floor(Date.now() / 1000) * 1000
const ca = await makeCa()
const mine = await ca.client({ cn: 'sns.amazonaws.com', kind: 'rsa', notAfter: now + 86_400_000 })
const old = await ca.client({ cn: 'sns.amazonaws.com', kind: 'rsa', notBefore: now - 10_000, notAfter: now - 5_000 })
const elliptic = await ca.client({ cn: 'sns.amazonaws.com' })

function scheme(name: string, certificate = mine.certificate, asked: string[] = []): Scheme {
  const fetcher: KeyFetcher = {
    fetch: (url) => {
      asked.push(url)
      return certificate === '' ? Promise.reject(new KeyUnavailable('down')) : Promise.resolve(Buffer.from(certificate))
    },
  }
  const one = compileScheme(preset(name, verifierParameters[name]), { secrets: [], keys: [] }, { fetcher }, (problem) => { throw new Error(problem.what) })
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
  const one = scheme('sns', mine.certificate, asked)
  const say = async (fields: object, which = one) => await judge(which, delivery([], JSON.stringify(fields)))
  const good = notification()
  t.match(await one.verify(delivery([], JSON.stringify(good))), { gain: { signed: { id: 'm-1', at: now, key: certUrl } } })
  t.equal(await say(notification({ Subject: 'Hello' })), 'signed', 'with a subject')
  t.equal(await say(notification({ SignatureVersion: '1' })), 'signed', 'the first version')
  t.equal(await say(notification({ Type: 'SubscriptionConfirmation', SubscribeURL: 'https://sns.us-east-1.amazonaws.com/?x', Token: 't' })), 'signed')
  t.equal(await say({ ...good, Message: 'x' }), 'signature-mismatch')
  t.equal(await say({ ...good, Subject: 'added' }), 'signature-mismatch')
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
  t.equal(await say(notification({}, old.key), scheme('sns', old.certificate)), 'key-unknown', 'an old certificate')
  t.equal(await say(good, scheme('sns', elliptic.certificate)), 'key-unknown', 'another kind of key')
  t.equal(await say(good, scheme('sns', 'junk')), 'key-unknown')
  await t.rejects(say(good, scheme('sns', '')), KeyUnavailable, 'a key that cannot be had is no bad signature')
})

t.test('sns without a topic', async (t) => {
  const problems: string[] = []
  const document = preset('sns', { topics: ['MyTopic'] })
  t.equal(compileScheme(document, { secrets: [], keys: [] }, {}, ({ what }) => problems.push(what)), undefined)
  t.match(problems, [/no ARN/])
})

t.test('paypal', async (t) => {
  const body = '{"id":"WH-1"}'
  const time = new Date(now).toISOString()
  const webhook = verifierParameters['paypal']?.['webhookId'] as string
  const url = 'https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270'
  const signature = sign('sha256', Buffer.from(`t-1|${time}|${webhook}|${crc32(body)}`), mine.key).toString('base64')
  const headers: Record<string, string> = {
    'PAYPAL-TRANSMISSION-ID': 't-1', 'PAYPAL-TRANSMISSION-TIME': time, 'PAYPAL-TRANSMISSION-SIG': signature, 'PAYPAL-CERT-URL': url, 'PAYPAL-AUTH-ALGO': 'SHA256withRSA',
  }
  const one = scheme('paypal')
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
})

t.equal(certificateKey(Buffer.from('junk'), now), undefined)
t.equal(certificateKey(Buffer.from(mine.certificate), now)?.asymmetricKeyType, 'rsa')
t.equal(certificateKey(Buffer.from(mine.certificate), now + 10 * 86_400_000), undefined, 'after its end')
