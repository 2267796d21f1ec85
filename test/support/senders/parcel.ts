import { createHash, createHmac, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'

/**
 * The other side, written a second time: how senders sign, from their documentation, with node:crypto alone. Nothing of
 * `src/schemes/` is used here, so that a preset and its sender can only agree by both being right.
 */

/** What a key is, and how the operator is given it. */
export const keyKinds = [
  'text', 'hex', 'base64', 'whsec', 'v1,whsec', 'rsa', 'p256-spki', 'p256-pem', 'ed25519-hex', 'ed25519-base64', 'ed25519-base64url',
] as const
export type KeyKind = (typeof keyKinds)[number]

export interface Key {
  readonly kind: 'secret' | 'public'
  /** As it stands in the operator's file. */
  readonly written: string
  /** What a MAC is keyed with. */
  readonly bytes: Buffer
  readonly private: KeyObject | undefined
}

export function makeKey(kind: KeyKind): Key {
  if (kind === 'rsa') return pair(generateKeyPairSync('rsa', { modulusLength: 2048 }), pem)
  if (kind === 'p256-spki') return pair(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }), spki)
  if (kind === 'p256-pem') return pair(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }), pem)
  if (kind.startsWith('ed25519-')) return pair(generateKeyPairSync('ed25519'), (key) => spkiDer(key).subarray(-32).toString(kind.slice(8) as 'hex'))
  const bytes = randomBytes(32)
  if (kind === 'hex') return secret(bytes.toString('hex'), bytes)
  if (kind === 'base64') return secret(bytes.toString('base64'), bytes)
  if (kind === 'whsec') return secret(`whsec_${bytes.toString('base64')}`, bytes)
  if (kind === 'v1,whsec') return secret(`v1,whsec_${bytes.toString('base64')}`, bytes)
  const text = `secret ${bytes.toString('hex')}`
  return secret(text, Buffer.from(text))
}

function secret(written: string, bytes: Buffer): Key {
  return { kind: 'secret', written, bytes, private: undefined }
}

function pair({ publicKey, privateKey }: { publicKey: KeyObject, privateKey: KeyObject }, write: (key: KeyObject) => string): Key {
  return { kind: 'public', written: write(publicKey), bytes: Buffer.alloc(0), private: privateKey }
}

const spkiDer = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' })
const spki = (key: KeyObject): string => spkiDer(key).toString('base64')
const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }) as string

export type Spelling = 'hex' | 'base64' | 'base64url'

/** One delivery before it is signed, and the pen. */
export interface Parcel {
  readonly method: string
  /** As the sender knows it. */
  readonly url: string
  readonly body: Buffer
  readonly at: number
  readonly id: string
  readonly keyId: string
  readonly key: Key
  /** Another hash of the same length, to sign by the wrong algorithm. */
  readonly wrongly: boolean
}

const likeness: Readonly<Record<string, string>> = {
  md5: 'md5', sha1: 'ripemd160', sha256: 'sha3-256', sha512: 'sha3-512',
}

function hashOf({ wrongly }: Parcel, hash: string): string {
  return wrongly ? likeness[hash] as string : hash
}

export function mac(parcel: Parcel, hash: string, spelling: Spelling, ...parts: readonly (string | Buffer)[]): string {
  const hmac = createHmac(hashOf(parcel, hash), parcel.key.bytes)
  for (const part of parts) hmac.update(part)
  return hmac.digest(spelling)
}

export function digest(parcel: Parcel, hash: string, spelling: Spelling, ...parts: readonly (string | Buffer)[]): string {
  const whole = createHash(hashOf(parcel, hash))
  for (const part of parts) whole.update(part)
  return whole.digest(spelling)
}

/** By the private key: RSA PKCS #1 v1.5, ECDSA in DER, or Ed25519 (hash null). */
export function seal(parcel: Parcel, hash: string | null, spelling: Spelling, ...parts: readonly (string | Buffer)[]): string {
  const message = Buffer.concat(parts.map((part) => Buffer.from(part)))
  const used = hash === null ? null : parcel.wrongly ? 'sha384' : hash
  const altered = hash === null && parcel.wrongly ? Buffer.from(digest(parcel, 'sha512', 'hex', message)) : message
  return sign(used, altered, parcel.key.private as KeyObject).toString(spelling)
}

export const seconds = ({ at }: Parcel): string => String(Math.floor(at / 1000))
export const milliseconds = ({ at }: Parcel): string => String(at)
export const iso = ({ at }: Parcel): string => new Date(at).toISOString()
