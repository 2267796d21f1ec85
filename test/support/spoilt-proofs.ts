import { createHash, createHmac } from 'node:crypto'
import { Headers } from '../../src/core/headers.ts'
import type { Verifiable } from '../../src/schemes/reading.ts'
import type { Verified } from './verified.ts'

/** The proof of a delivery, spelled in every way that a lenient reader takes for the same, or put there by somebody who does not know the key. */

export const proofSpoils = [
  'with another first letter', 'with another last letter', 'cut', 'half of it', 'empty', 'of one blank', 'longer', 'twice in one', 'white space inside',
  'a line feed behind', 'a NUL behind', 'a blank behind', 'percent-escaped', 'quoted', 'zeros', 'with a letter beyond one byte', 'padding bits', 'no padding',
  'padding where there is none', 'the other alphabet', 'base64 for hex', 'hex for base64', '0x before',
] as const
export type ProofSpoil = (typeof proofSpoils)[number]

const change = (text: string, at: number): string => text.slice(0, at) + (text[at]?.toLowerCase() === 'a' ? 'B' : 'A') + text.slice(at + 1)
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** What applies to a proof of this spelling, by name. */
export function spoiltProofs(proof: string): readonly (readonly [ProofSpoil, string])[] {
  const isHex = /^[0-9a-f]+$/.test(proof)
  const bare = proof.replace(/=+$/, '')
  const last = bare.length - 1
  const swapped = /[+/]/.test(proof) || !/[-_]/.test(proof) ? proof.replaceAll('+', '-').replaceAll('/', '_') : proof.replaceAll('-', '+').replaceAll('_', '/')
  const all: Record<ProofSpoil, string> = {
    'with another first letter': change(proof, 0), 'with another last letter': change(proof, last), 'cut': proof.slice(0, -1), 'half of it': proof.slice(0, proof.length >> 1),
    'empty': '', 'of one blank': ' ', 'longer': `${proof}0`, 'twice in one': proof + proof, 'white space inside': `${proof.slice(0, 8)} ${proof.slice(8)}`,
    'a line feed behind': `${proof}\n`, 'a NUL behind': `${proof}\u0000`, 'a blank behind': `${proof} `, 'percent-escaped': `%${proof.charCodeAt(0).toString(16)}${proof.slice(1)}`,
    'quoted': `"${proof}"`, 'zeros': proof.replace(/[0-9A-Za-z]/g, '0'), 'with a letter beyond one byte': String.fromCharCode(proof.charCodeAt(0) + 256) + proof.slice(1),
    'padding bits': isHex || bare.length % 4 === 0 ? proof : bare.slice(0, -1) + (alphabet[alphabet.indexOf(bare[last] as string) + 1] ?? '') + proof.slice(bare.length),
    'no padding': bare, 'padding where there is none': isHex ? proof : `${bare}${'='.repeat(proof === bare ? 2 : 3)}`, 'the other alphabet': isHex ? proof : swapped,
    'base64 for hex': isHex ? Buffer.from(proof, 'hex').toString('base64') : proof, 'hex for base64': isHex ? proof : Buffer.from(proof, 'base64').toString('hex'),
    '0x before': isHex ? `0x${proof}` : proof,
  }
  return proofSpoils.flatMap((name) => (all[name] === proof ? [] : [[name, all[name]] as const]))
}

/** The delivery with another proof in place of its own, wherever that stands; undefined where it stands nowhere. */
export function withProof(delivery: Verifiable, proof: string, other: string): Verifiable | undefined {
  const replaced = (text: string): string => text.split(proof).join(other)
  const { raw } = delivery.headers
  if (raw.some((value) => value.includes(proof))) return { ...delivery, headers: new Headers(raw.map(replaced)) }
  const body = Buffer.from(delivery.body).toString()
  const write = body.startsWith('{') ? (text: string) => JSON.stringify(text).slice(1, -1) : encodeURIComponent
  return body.includes(write(proof)) ? { ...delivery, body: Buffer.from(body.split(write(proof)).join(write(other))) } : undefined
}

const likeness: Readonly<Record<string, string>> = { sha1: 'ripemd160', sha256: 'sha3-256', sha384: 'sha3-384', sha512: 'sha3-512' }

/** The proof that another algorithm of the same length would give under the same key; undefined where it was no HMAC over what is shown. */
export async function byAnotherHash({ scheme, delivery, signature, secret }: Verified): Promise<string | undefined> {
  const seen = await scheme.watched?.()?.(delivery)
  if (seen === undefined || secret === undefined) return undefined
  const message = Buffer.concat(seen.material)
  const keys = [Buffer.from(secret), Buffer.from(secret, 'hex'), Buffer.from(secret, 'base64'), createHash('sha1').update(secret).digest()]
  for (const [hash, other] of Object.entries(likeness)) {
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      const key = keys.find((one) => createHmac(hash, one).update(message).digest(encoding) === signature)
      if (key !== undefined) return createHmac(other, key).update(message).digest(encoding)
    }
  }
  return undefined
}
