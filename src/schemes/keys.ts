import { createHash, createPrivateKey, createPublicKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { decode, viewOf } from './encoding.ts'

/** How senders write their keys. The form is always named, never guessed from how a key looks. */
export const keyForms = ['text', 'hex', 'base64', 'base64url', 'pem', 'spki', 'jwk'] as const

export const keySchema = z.strictObject({
  form: z.enum(keyForms).describe(
    'How the key is written. Secrets: `text` (its UTF-8 bytes are the key), `hex`, `base64`, `base64url`. Public keys: `pem` (key or '
    + 'certificate), `spki` (base64 of the DER form), `jwk`, or `hex` and `base64` of a raw Ed25519 key.',
  ),
  prefix: z.string().min(1).optional()
    .describe('A label such as `whsec_` that is taken off where it stands; not for `text`, where it could be part of the secret.'),
  normalize: z.enum(['NFKD']).optional().describe('Unicode normalisation of a text secret.'),
  hash: z.enum(['sha1', 'sha256']).optional().describe('The key is the hash of what is written.'),
  atLeast: z.int().min(1).default(16)
    .describe('The fewest bytes that a secret may have. Less than 16 only where the sender documents shorter ones.'),
}).refine(({ form, prefix }) => form !== 'text' || prefix === undefined, { message: 'a text secret has no prefix to take off', path: ['prefix'] })
export type KeyForm = z.output<typeof keySchema>

/** A key that cannot be used, in words for the operator; never with the key itself. */
export interface UnusableKey { readonly unusable: string }

const textSecret: KeyForm = { form: 'text', atLeast: 16 }
const pemKey: KeyForm = { form: 'pem', atLeast: 1 }

/** The form of a signature's keys, where its document leaves it out. */
export function formOf(key: KeyForm | undefined, keys: 'secret' | 'public'): KeyForm {
  return key ?? (keys === 'secret' ? textSecret : pemKey)
}

/** What stands in a secret's file or variable → the key. */
export function secretKey(form: KeyForm, written: Uint8Array): KeyObject | UnusableKey {
  const bytes = secretBytes(form, written)
  if (bytes === undefined) return { unusable: `is no ${form.form}` }
  if (bytes.length === 0) return { unusable: 'is empty' }
  return createSecretKey(form.hash === undefined ? bytes : createHash(form.hash).update(bytes).digest())
}

/** Has this secret fewer bytes than its form asks? One that cannot be read is not short. */
export function isShort(form: KeyForm, written: Uint8Array): boolean {
  return (secretBytes(form, written)?.length ?? form.atLeast) < form.atLeast
}

function secretBytes(form: KeyForm, written: Uint8Array): Uint8Array | undefined {
  if (form.form === 'text') return form.normalize === undefined ? written : normalized(written, form.normalize)
  if (form.form === 'pem' || form.form === 'spki' || form.form === 'jwk') return undefined
  return written.length === 0 ? written : decode(withoutPrefix(form, written), form.form)
}

function withoutPrefix({ prefix = '' }: KeyForm, written: Uint8Array): string {
  const text = viewOf(written).toString('latin1')
  return text.startsWith(prefix) ? text.slice(prefix.length) : text
}

function normalized(written: Uint8Array, form: 'NFKD'): Uint8Array | undefined {
  const text = viewOf(written).toString('utf8')
  return viewOf(written).equals(Buffer.from(text, 'utf8')) ? Buffer.from(text.normalize(form), 'utf8') : undefined
}

/** What stands in a public key's file → the key. */
export function publicKey(form: KeyForm, written: Uint8Array): KeyObject | UnusableKey {
  if (written.length === 0) return { unusable: 'is empty' }
  try {
    return parsePublic(form, written) ?? { unusable: `is no ${form.form} of a public key` }
  } catch {
    return { unusable: `is no ${form.form} of a public key` }
  }
}

function parsePublic(form: KeyForm, written: Uint8Array): KeyObject | undefined {
  const text = viewOf(written).toString('latin1')
  if (form.form === 'pem') return createPublicKey(text)
  if (form.form === 'jwk') return createPublicKey({ key: JSON.parse(text) as JsonWebKey, format: 'jwk' })
  if (form.form === 'spki') return fromDer(decode(text.trim(), 'base64'))
  if (form.form === 'text') return undefined
  const raw = decode(withoutPrefix(form, written), form.form)
  if (raw?.length !== 32) return undefined
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' })
}

function fromDer(der: Buffer | undefined): KeyObject | undefined {
  return der === undefined ? undefined : createPublicKey({ key: der, format: 'der', type: 'spki' })
}

/** PKCS #8 around a raw Ed25519 seed (RFC 8410 section 7). */
const seedHead = Buffer.from('302e020100300506032b657004220420', 'hex')

/** For playing the sender: a PEM, a JWK, or a raw Ed25519 seed (alone, or with its public key behind it) in the form of the scheme. */
export function privateKey(form: KeyForm, written: Uint8Array): KeyObject | UnusableKey {
  try {
    const text = viewOf(written).toString('latin1')
    if (text.includes('-----BEGIN')) return createPrivateKey(text)
    if (form.form === 'jwk') return createPrivateKey({ key: JSON.parse(text) as JsonWebKey, format: 'jwk' })
    const raw = form.form === 'hex' || form.form === 'base64' ? decode(text.slice(text.indexOf('_') + 1), form.form) : undefined
    if (raw?.length !== 32 && raw?.length !== 64) return { unusable: 'is no private key' }
    return createPrivateKey({ key: Buffer.concat([seedHead, raw.subarray(0, 32)]), format: 'der', type: 'pkcs8' })
  } catch {
    return { unusable: 'is no private key' }
  }
}
