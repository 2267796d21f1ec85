import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { formOf, publicKey } from '../keys.ts'
import type { PreparedKey } from '../scheme-keys.ts'
import { publicKeysFor, type VerifierTools } from './verifier.ts'

/** JSON Web Keys (RFC 7517), from a file or from where the sender publishes them. */

export const publicAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const

/** The keys that may have signed, for the name of a key in the token's header. */
export type KeySource = (kid: string | undefined) => Promise<readonly PreparedKey[]>

/** Public keys: those that the operator gives, or else those that the sender publishes. Undefined once a problem was reported. */
export function publicSource(jwks: string | undefined, tools: VerifierTools): KeySource | undefined {
  if (jwks === undefined || tools.keys.keys.length > 0) return fixedSource(readPublic(tools))
  const host = new URL(jwks).hostname
  return async (kid) => choose(parseJwks(await tools.fetcher.fetch(jwks, [host]), jwks) ?? [], kid)
}

/** Keys that the sender publishes one by one, as PEM: the name is the last part of the URL. A name that could lead elsewhere is none. */
export function namedSource(below: string, { fetcher }: VerifierTools): KeySource {
  const start = below.endsWith('/') ? below : `${below}/`
  const host = new URL(start).hostname
  return async (kid) => {
    if (kid === undefined || !/^[A-Za-z0-9_-]{1,100}$/.test(kid)) return []
    const object = publicKey(formOf(undefined, 'public'), await fetcher.fetch(start + kid, [host]))
    return 'unusable' in object ? [] : [{ reference: start + kid, id: kid, object }]
  }
}

export function fixedSource(keys: readonly PreparedKey[] | undefined): KeySource | undefined {
  return keys && ((kid) => Promise.resolve(choose(keys, kid)))
}

/** A key that has a name is asked only by it. */
function choose(keys: readonly PreparedKey[], kid: string | undefined): readonly PreparedKey[] {
  return keys.filter(({ id }) => id === undefined || kid === undefined || id === kid)
}

/** Keys written as PEM, JWK or JWKS. */
function readPublic(tools: VerifierTools): readonly PreparedKey[] | undefined {
  const sets = tools.keys.keys.map(({ bytes, reference }) => parseJwks(bytes, reference))
  if (sets.length > 0 && sets.every((set) => set !== undefined)) return sets.flat()
  return publicKeysFor(tools)
}

const keySchema = z.looseObject({ kty: z.string(), kid: z.string().optional() })
const setSchema = z.union([z.object({ keys: z.array(keySchema).max(100) }), keySchema.transform((key) => ({ keys: [key] }))])

/** Undefined: neither a JWKS nor a JWK with a usable key. Keys of a kind that we do not know are passed over. */
export function parseJwks(bytes: Uint8Array, reference: string): readonly PreparedKey[] | undefined {
  const parsed = setSchema.safeParse(parseJson(bytes))
  if (!parsed.success) return undefined
  const keys = parsed.data.keys.flatMap((jwk) => {
    const object = importKey(jwk as JsonWebKey)
    return object === undefined ? [] : [{ reference, id: jwk.kid, object }]
  })
  return keys.length === 0 ? undefined : keys
}

function importKey(jwk: JsonWebKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    return undefined
  }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return undefined
  }
}
