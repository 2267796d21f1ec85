import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import t from 'tap'
import { Headers } from '../../src/core/headers.ts'
import { compileScheme } from '../../src/schemes/compile.ts'
import { presetNames } from '../../src/schemes/presets.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'
import type { WrittenKey } from '../../src/schemes/scheme-keys.ts'
import { compileSender, type SignedRequest } from '../../src/send/sender.ts'
import { verifierParameters } from '../support/verifier-parameters.ts'
import { senders } from '../support/senders/index.ts'
import { preset } from '../support/vectors.ts'

/** Every sender is played: what is sent verifies, and what is tampered with does not. */

const at = Date.UTC(2026, 10, 23, 12)
const url = new URL('https://hooks.example.com/in')
const hex = 'ab'.repeat(32)
const base64 = Buffer.from(hex, 'hex').toString('base64')
const pair = (key: { readonly privateKey: KeyObject; readonly publicKey: KeyObject }) => ({
  own: key.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, theirs: key.publicKey.export({ type: 'spki', format: 'pem' }) as string,
})
const pairs = [
  pair(generateKeyPairSync('ed25519')), pair(generateKeyPairSync('ec', { namedCurve: 'prime256v1' })), pair(generateKeyPairSync('rsa', { modulusLength: 2048 })),
]

/** What the operator may have written for the key that signs: the scheme takes one of them. */
function writtenFor(own: string, theirs: string | undefined): string[] {
  if (theirs === undefined) return [own]
  const key = createPublicKey(theirs)
  const raw = key.asymmetricKeyType === 'ed25519' ? Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url') : undefined
  const jwk = JSON.stringify({ ...key.export({ format: 'jwk' }), kid: 'key-1' })
  const spki = (key.export({ type: 'spki', format: 'der' }) as Buffer).toString('base64')
  return [theirs, ...(raw === undefined ? [] : [raw.toString('hex'), raw.toString('base64'), raw.toString('base64url')]), spki, jwk]
}

interface Played { readonly send: (tamper?: 'body' | 'signature' | 'timestamp') => SignedRequest | { mistake: string }; readonly scheme: Scheme }

function play(name: string): Played | undefined {
  const parameters = senders[name]?.parameters ?? verifierParameters[name] ?? {}
  const choices = [...[hex, base64, `whsec_${base64}`].map((own) => ({ own, theirs: undefined })), ...pairs]
  for (const { own, theirs } of choices) {
    const sender = compileSender({ preset: name, parameters, secret: Buffer.from(own), url })
    if ('mistake' in sender) continue
    const scheme = schemeFor(name, parameters, own, theirs)
    if (scheme === undefined) continue
    return {
      scheme,
      send: (tamper) => sender({
        method: 'POST', headers: [], body: Buffer.from('{"id":"evt_1","data":{"id":"d_1"}}'), at, id: '2b1a-1f', keyId: 'key-1', tamper,
      }),
    }
  }
  return undefined
}

function schemeFor(name: string, parameters: Readonly<Record<string, unknown>>, own: string, theirs: string | undefined): Scheme | undefined {
  for (const text of writtenFor(own, theirs)) {
    const key: WrittenKey = { reference: 'env:KEY', id: 'key-1', bytes: Buffer.from(text), path: [] }
    const keys = theirs === undefined ? { secrets: [key], keys: [] } : { secrets: [], keys: [key] }
    const scheme = compileScheme(preset(name, parameters), keys, { publicUrl: url.href }, () => {})
    if (scheme !== undefined) return scheme
  }
  return undefined
}

async function judge(scheme: Scheme, { method, target, rawHeaders, body }: SignedRequest): Promise<string> {
  const [path = '', query] = target.split('?')
  const verdict = await scheme.verify({ method, path, query, headers: new Headers(rawHeaders), body, at })
  return verdict.verdict === 'pass' ? 'pass' : `${verdict.reason} ${JSON.stringify(verdict.facts)}`
}

/** Nobody but these two can sign: their certificates stand at their own hosts. */
const unplayed = ['paypal', 'sns']

for (const name of presetNames()) {
  void t.test(name, async (t) => {
    const played = play(name)
    if (unplayed.includes(name)) {
      const said = compileSender({ preset: name, parameters: verifierParameters[name] ?? {}, secret: Buffer.from(pairs[2]?.own ?? ''), url })
      t.match(said, { mistake: /its certificate stands at its own host/ })
      return
    }
    if (played === undefined) return void t.fail('cannot be played')
    const sent = played.send()
    if ('mistake' in sent) return void t.fail(sent.mistake)
    t.equal(await judge(played.scheme, sent), 'pass')
    const forged = played.send('signature')
    if ('mistake' in forged) return void t.fail(forged.mistake)
    t.not(await judge(played.scheme, forged), 'pass', 'a changed signature')
    const later = played.send('timestamp')
    if (!('mistake' in later)) t.not(await judge(played.scheme, later), 'pass', 'a changed time')
    const inspected = played.scheme.inspect?.({ ...delivery(sent) }) ?? await played.scheme.watched?.()?.(delivery(sent))
    t.ok(inspected !== undefined && inspected.found.some(({ texts }) => texts.length > 0), 'explain finds the signature')
    for (const { found, expected, what } of inspected?.compared ?? []) t.equal(found, expected, what)
    if (inspected !== undefined && inspected.expected.length > 0) {
      const texts = inspected.found.flatMap((found) => found.texts)
      t.ok(inspected.expected.some(({ text }) => texts.includes(text)), 'and what it expects is what is found')
    }
  })
}

function delivery({ method, target, rawHeaders, body }: SignedRequest) {
  const [path = '', query] = target.split('?')
  return { method, path, query, headers: new Headers(rawHeaders), body, at }
}
