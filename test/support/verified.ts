import { createPublicKey, createSign, generateKeyPairSync, sign as signBytes, type KeyObject } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { Headers } from '../../src/core/headers.ts'
import { compileScheme } from '../../src/schemes/compile.ts'
import type { KeyFetcher } from '../../src/schemes/fetched-keys.ts'
import { presetNames } from '../../src/schemes/presets.ts'
import type { Verifiable } from '../../src/schemes/reading.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'
import { compileSign } from '../../src/schemes/sign.ts'
import { makeCa } from './pki.ts'
import { senders } from './senders/index.ts'
import { preset, written } from './vectors.ts'
import { verifierParameters } from './verifier-parameters.ts'

/** A good delivery of a sender that a built-in verifier judges, and what judges it. */
export interface Verified {
  readonly scheme: Scheme
  readonly delivery: Verifiable
  /** The proof, as it stands in the delivery. */
  readonly signature: string
  /** What proved it, as it was written; undefined where only a certificate does. */
  readonly secret: string | undefined
  /** The same scheme with a key that signed nothing. */
  readonly other: Scheme
}

/** The presets of built-in verifiers. */
export const verifiedNames: readonly string[] = presetNames().filter((name) => preset(name, parametersOf(name)).verifier !== undefined)

export const at = 1_767_225_600_000
const publicUrl = 'https://hooks.example.com/*'
const body = Buffer.from('{"id":"evt_1","data":{"id":"d_1"}}')

function parametersOf(name: string) {
  return senders[name]?.parameters ?? verifierParameters[name] ?? {}
}

interface Written { readonly own: string; readonly theirs: readonly string[] }

const hex = (start: string) => start.repeat(32)
const secrets = (start: string): Written[] => [hex(start), Buffer.from(hex(start), 'hex').toString('base64')].map((own) => ({ own, theirs: [own] }))
const pair = ({ privateKey, publicKey }: { readonly privateKey: KeyObject; readonly publicKey: KeyObject }): Written => {
  const theirs = publicKey.export({ type: 'spki', format: 'pem' }) as string
  const jwk = JSON.stringify({ ...createPublicKey(theirs).export({ format: 'jwk' }), kid: 'key-1' })
  const raw = publicKey.asymmetricKeyType === 'ed25519' ? (publicKey.export({ type: 'spki', format: 'der' }) as Buffer).subarray(-32) : undefined
  const plain = raw === undefined ? [] : [raw.toString('hex'), raw.toString('base64')]
  return { own: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, theirs: [theirs, ...plain, jwk] }
}
const pairs = (): Written[] => [generateKeyPairSync('ed25519'), generateKeyPairSync('ec', { namedCurve: 'prime256v1' }), generateKeyPairSync('rsa', { modulusLength: 2048 })].map(pair)
const [mine, theirs] = [[...secrets('ab'), ...pairs()], [...secrets('cd'), ...pairs()]]

/** Undefined: nobody can play this sender. */
export async function verified(name: string): Promise<Verified | undefined> {
  if (name === 'sns' || name === 'paypal') return await certified(name)
  for (const [place, key] of mine.entries()) {
    const one = signedBy(name, key, theirs[place] as Written)
    if (one !== undefined) return one
  }
  return undefined
}

function signedBy(name: string, key: Written, stranger: Written): Verified | undefined {
  const document = preset(name, parametersOf(name))
  const isSecret = key.theirs[0] === key.own
  const sign = compileSign(document, Buffer.from(key.own), isSecret ? 'secret' : 'public', 'https://hooks.example.com/in', () => {})
  const [scheme, other] = [schemeFor(name, key), schemeFor(name, stranger)]
  if (sign === undefined || scheme === undefined || other === undefined) return undefined
  const headers = ['Content-Type', 'application/json']
  const stamp = sign({ method: 'POST', path: '/in', query: 'a=1', headers, body, at, id: '2b1a-1f', keyId: 'key-1' })
  const query = ['a=1', stamp.query].filter((part) => part !== undefined).join('&')
  const delivery = { method: 'POST', path: '/in', query, headers: new Headers(['Host', 'hooks.example.com', ...headers, ...stamp.headers]), body: stamp.body ?? body, at }
  return { scheme, other, delivery, signature: stamp.marks?.signature ?? '', secret: isSecret ? key.own : undefined }
}

function schemeFor(name: string, { own, theirs: choices }: Written): Scheme | undefined {
  for (const text of choices) {
    const list = written([text], 'key-1')
    const keys = text === own ? { secrets: list, keys: [] } : { secrets: [], keys: list }
    const scheme = compileScheme(preset(name, parametersOf(name)), keys, { publicUrl }, () => {})
    if (scheme !== undefined) return scheme
  }
  return undefined
}

const ca = await makeCa()
const usages = ['1.3.6.1.5.5.7.3.1']

/** Signed under a certificate of our authority, which the request names. */
async function certified(name: 'sns' | 'paypal'): Promise<Verified> {
  const named = name === 'sns' ? { names: ['dns:sns.amazonaws.com'] } : { cn: 'messageverificationcerts.paypal.com', names: [] }
  const [certificate, stranger] = [await ca.client({ kind: 'rsa', usages, ...named }), await ca.client({ kind: 'rsa', usages, ...named })]
  const clock = Math.floor(Date.now() / 1000) * 1000
  const { delivery, signature } = name === 'sns' ? fromSns(certificate.key, clock) : fromPaypal(certificate.key, clock)
  const compile = (served: string): Scheme => {
    const fetcher: KeyFetcher = { fetch: () => Promise.resolve(Buffer.from(served)) }
    const scheme = compileScheme(preset(name, parametersOf(name)), { secrets: [], keys: written([ca.certificate]) }, { fetcher }, ({ what }) => { throw new Error(what) })
    return scheme as Scheme
  }
  return { scheme: compile(certificate.certificate), other: compile(stranger.certificate), delivery, signature, secret: undefined }
}

interface Signed { readonly delivery: Verifiable; readonly signature: string }

function fromSns(key: string, clock: number): Signed {
  const fields = {
    Message: 'Hello', MessageId: 'm-1', Subject: 's', Timestamp: new Date(clock).toISOString(), TopicArn: 'arn:aws:sns:us-east-1:123456789012:MyTopic', Type: 'Notification',
  }
  const signature = createSign('sha256').update(Object.entries(fields).map(([name, value]) => `${name}\n${value}\n`).join('')).sign(key, 'base64')
  const more = { SignatureVersion: '2', SigningCertURL: 'https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem' }
  const text = JSON.stringify({ ...fields, ...more, Signature: signature })
  return { signature, delivery: { method: 'POST', path: '/in', query: undefined, headers: new Headers(['x-amz-sns-message-type', 'Notification']), body: Buffer.from(text), at: clock } }
}

function fromPaypal(key: string, clock: number): Signed {
  const time = new Date(clock).toISOString()
  const text = `t-1|${time}|${String(verifierParameters['paypal']?.['webhookId'])}|${crc32(body)}`
  const signature = signBytes('sha256', Buffer.from(text), key).toString('base64')
  const headers = new Headers([
    'PAYPAL-TRANSMISSION-ID', 't-1', 'PAYPAL-TRANSMISSION-TIME', time, 'PAYPAL-TRANSMISSION-SIG', signature, 'PAYPAL-AUTH-ALGO', 'SHA256withRSA',
    'PAYPAL-CERT-URL', 'https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270',
  ])
  return { signature, delivery: { method: 'POST', path: '/in', query: undefined, headers, body, at: clock } }
}
