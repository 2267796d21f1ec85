import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { Headers } from '../../src/core/headers.ts'
import { algorithm } from '../../src/schemes/algorithms/index.ts'
import type { SchemeDocument, SignatureDocument } from '../../src/schemes/document.ts'
import { formOf, type KeyForm } from '../../src/schemes/keys.ts'
import { signaturesOf } from '../../src/schemes/plan.ts'
import type { Verifiable } from '../../src/schemes/reading.ts'
import type { SchemeKeys } from '../../src/schemes/scheme-keys.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'
import { compileSign, type Sign, type Unsigned } from '../../src/schemes/sign.ts'
import { compiled, written } from './vectors.ts'

/** Plays any sender whose scheme can be signed from outside the body, with keys of our own. */

export const publicUrl = 'https://hooks.example.com/in'

export interface Played {
  readonly document: SchemeDocument
  readonly scheme: Scheme
  readonly sign: Sign
  readonly unsigned: Unsigned
  readonly delivery: Verifiable
  readonly keys: Partial<SchemeKeys>
  /** Keys of the same kind that signed nothing. */
  readonly other: Partial<SchemeKeys>
}

/** What is to be signed, where a test does not care. */
export const plain: Unsigned = {
  method: 'POST', path: '/in', query: undefined, headers: ['Content-Type', 'application/json'],
  body: Buffer.from('{"id":"evt_1","event_id":"Ev1","data":{"a":[1,2,{"b":"ü"}]}}'), at: 1_767_225_600_000, id: 'msg_2b1', keyId: 'key-1',
}

/** Why not, where the scheme cannot be played. */
export function play(document: SchemeDocument, unsigned: Unsigned = plain): Played | string {
  const [first] = signaturesOf(document)
  if (first === undefined) return 'a built-in verifier'
  const [mine, theirs] = [makeKey(first, 'mine'), makeKey(first, 'theirs')]
  const id = document.keyId === undefined ? undefined : plain.keyId
  const kind = algorithm(first.algorithm)?.keys ?? 'secret'
  const keys = (text: string) => ({ [kind === 'secret' ? 'secrets' : 'keys']: written([text], id) })
  const { scheme, problems } = compiled(document, keys(mine.verifying), publicUrl)
  if (scheme === undefined) throw new Error(JSON.stringify(problems))
  const sign = compileSign(document, Buffer.from(mine.signing), kind, publicUrl, (problem) => problems.concat(problem))
  if (sign === undefined) return 'signed inside the body'
  return {
    document, scheme, sign, unsigned, delivery: send(sign, unsigned), keys: keys(mine.verifying), other: keys(theirs.verifying),
  }
}

/** Signs and puts the stamp on. */
export function send(sign: Sign, unsigned: Unsigned): Verifiable {
  const stamp = sign(unsigned)
  const query = [unsigned.query, stamp.query].filter((part) => part !== undefined).join('&')
  return { ...unsigned, query: query === '' ? undefined : query, headers: new Headers([...unsigned.headers, ...stamp.headers]) }
}

interface Pair { readonly verifying: string; readonly signing: string }

/** Whose key it is: one that signs, or one that signs nothing. */
type Owner = 'mine' | 'theirs'

/** A key, written as the scheme's senders write theirs. */
function makeKey({ algorithm: name, key }: SignatureDocument, owner: Owner): Pair {
  const row = algorithm(name)
  const form = formOf(key, row?.keys ?? 'secret')
  if (row?.keys === 'secret') {
    const text = form.form === 'text' ? randomBytes(16).toString('hex') : randomBytes(32).toString(form.form as 'hex')
    return { verifying: (form.prefix ?? '') + text, signing: (form.prefix ?? '') + text }
  }
  const { publicKey, privateKey } = pairOf(name, owner)
  return { verifying: (form.prefix ?? '') + writePublic(publicKey, form), signing: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string }
}

interface KeyPair { readonly publicKey: KeyObject; readonly privateKey: KeyObject }

/** One of each kind and owner: making them is slow. */
const pairs = new Map<string, KeyPair>()

function pairOf(name: string, owner: Owner): KeyPair {
  const pair = pairs.get(`${owner} ${name}`) ?? makePair(name)
  pairs.set(`${owner} ${name}`, pair)
  return pair
}

function makePair(name: string): KeyPair {
  if (name === 'ed25519') return generateKeyPairSync('ed25519')
  if (name.startsWith('rsa')) return generateKeyPairSync('rsa', { modulusLength: 2048 })
  return generateKeyPairSync('ec', { namedCurve: { p256: 'prime256v1', p384: 'secp384r1', p521: 'secp521r1' }[name.split('-')[1] ?? ''] ?? '' })
}

function writePublic(key: KeyObject, { form }: KeyForm): string {
  if (form === 'pem') return key.export({ type: 'spki', format: 'pem' }) as string
  if (form === 'spki') return key.export({ type: 'spki', format: 'der' }).toString('base64')
  if (form === 'jwk') return JSON.stringify(key.export({ format: 'jwk' }))
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url').toString(form as 'hex')
}
