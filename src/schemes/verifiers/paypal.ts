import { crc32 } from 'node:zlib'
import { z } from 'zod'
import { refuse, type Verdict } from '../../core/verdict.ts'
import type { PublicAlgorithm } from '../algorithms/algorithm.ts'
import { algorithm } from '../algorithms/index.ts'
import { compileCertificateSource, type FindCertificate } from '../certificates.ts'
import { bytesOf, decode, utf8 } from '../encoding.ts'
import { targetOf } from '../fetched-keys.ts'
import type { Verifiable } from '../reading.ts'
import type { SignatureReason } from '../scheme.ts'
import { parseTime } from '../time-text.ts'
import { defineVerifier, headerOf, malformedAt, proven, type Watch } from './verifier.ts'

const settings = z.strictObject({
  kind: z.literal('paypal').describe('PayPal: RSA over transmission id, time, webhook id and the CRC-32 of the body, under a certificate on a host of PayPal.'),
  webhookId: z.string().min(1).describe('The id of the webhook, as the developer dashboard shows it.'),
})
type Settings = z.output<typeof settings>

const hosts = ['api.paypal.com', 'api-m.paypal.com', 'api.sandbox.paypal.com', 'api-m.sandbox.paypal.com']
/** Where PayPal's authority keeps the certificates between its root and its customers. */
const issuers = ['http://cacerts.digicert.com']

/** As PayPal's own libraries check it (`SSLUtil` of the Java SDK): one name for real money, another for the sandbox. */
function namesAt({ hostname }: URL): readonly string[] {
  return hostname.endsWith('.sandbox.paypal.com')
    ? ['messageverificationcerts.paypal.com', 'messageverificationcerts.sandbox.paypal.com'] : ['messageverificationcerts.paypal.com']
}

const certificatePath = /^\/v1\/notifications\/certs\/[A-Za-z0-9_-]{1,100}$/
const rsa = algorithm('rsa-sha256') as PublicAlgorithm
const names = {
  id: 'paypal-transmission-id', time: 'paypal-transmission-time', signature: 'paypal-transmission-sig', url: 'paypal-cert-url', algorithm: 'paypal-auth-algo',
} as const

/** Did PayPal sign this transmission? CRC-32 is no digest: whoever holds one signed set of headers can make another body for it. */
export const paypal = defineVerifier({
  settings,
  headers: () => Object.values(names),
  facts: () => ({ timestamped: true, window: undefined, signsId: true }),
  compile(settings, { keys, fetcher, report, watch }) {
    const find = compileCertificateSource({ hosts, issuers, names: namesAt }, keys, fetcher, report)
    return find && ((delivery) => verify(settings, find, delivery, watch))
  },
})

async function verify({ webhookId }: Settings, find: FindCertificate, delivery: Verifiable, watch?: Watch): Promise<Verdict<SignatureReason>> {
  const written = headerOf(delivery, names.signature)
  if (typeof written !== 'string') return written
  const signature = decode(written, 'base64')
  const [id, time, url, named] = [names.id, names.time, names.url, names.algorithm].map((name) => delivery.headers.one(name))
  if (signature === undefined || typeof id !== 'string' || id === '' || typeof url !== 'string') return malformedAt('headers paypal-…', 'are not there once each')
  if (named !== 'SHA256withRSA') return malformedAt(`header ${names.algorithm}`, 'is not SHA256withRSA')
  if (time === undefined) return refuse('timestamp-missing', { where: `header ${names.time}` })
  const at = typeof time === 'string' ? parseTime(time, 'rfc3339') : undefined
  if (at === undefined) return refuse('timestamp-malformed', { where: `header ${names.time}` })
  if (!certificatePath.test(targetOf(url, hosts))) return refuse('key-unknown', { where: `header ${names.url}` })
  const text = `${id}|${String(time)}|${utf8(webhookId)}|${crc32(delivery.body)}`
  watch?.signed({ where: `header ${names.signature}`, algorithm: rsa.name, spelling: 'base64', texts: [written], message: [text], timestamp: String(time), id })
  const key = await find(url, delivery.at)
  if ('distrusted' in key) return refuse('key-unknown', { where: 'certificate', why: key.distrusted })
  if (rsa.unfit(key) !== undefined) return refuse('key-unknown', { where: 'certificate', why: rsa.unfit(key) })
  if (!rsa.verify([text], key, signature)) return refuse('signature-mismatch')
  return proven({ material: [bytesOf(text)], at, id, key: url })
}
