import type { JSONWebKeySet, JWTPayload, JWTVerifyOptions, LocalJWKSet, errors } from 'jose'
import type { CheckTools, KeyPath } from '../core/check.ts'
import type { Head } from '../core/delivery.ts'
import type { Facts } from '../core/verdict.ts'
import { compileKeySource, type KeySource } from './key-set.ts'
import type { JwtSettings } from './settings.ts'

/** What an issuer says of a token: who holds it, or why it is not taken. */
export type Judgement =
  | { readonly vouched: true; readonly sender: string | undefined; readonly facts: Facts }
  | { readonly vouched: false; readonly facts: Facts }

/** Throws where it cannot know: the issuer's keys were never to be had. */
export type JwtCheck = (token: string, head: Pick<Head, 'certificate'>) => Promise<Judgement>

/** Settings → the judgement of one issuer's tokens. */
export function compileJwt(settings: JwtSettings, path: KeyPath, tools: CheckTools): JwtCheck {
  const keys = compileKeySource(settings.keys, [...path, 'keys'], tools)
  const options = optionsOf(settings)
  return async (token, head) => {
    if (keys === undefined) throw new Error('there is no key set')
    // Compact form, strictly: three parts of base64url. Anything else is not even parsed.
    if (!/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(token)) return refused('the token is no JWT')
    const payload = await verify(token, keys, () => ({ ...options, currentDate: new Date(tools.clock.now()) }))
    if ('why' in payload) return { vouched: false, facts: payload }
    return judgeClaims(payload.claims, settings, head)
  }
}

function optionsOf({ issuer, audience, algorithms, clockSkew, maxAge, type }: JwtSettings): JWTVerifyOptions {
  return {
    issuer, audience, algorithms, clockTolerance: clockSkew / 1_000, requiredClaims: ['exp'],
    ...(maxAge === undefined ? {} : { maxTokenAge: maxAge / 1_000 }), ...(type === undefined ? {} : { typ: type }),
  }
}

function refused(why: string): Judgement {
  return { vouched: false, facts: { why } }
}

type Verified = { readonly claims: JWTPayload } | { readonly why: string; readonly claim?: string }

/** With the keys at hand; where none of them is meant, once more with what the issuer publishes now. */
async function verify(token: string, keys: KeySource, options: () => JWTVerifyOptions): Promise<Verified> {
  const before = keys.current()
  const first = before === undefined ? undefined : await verifyWith(token, before, options())
  if (first !== undefined && !('why' in first && first.why === noKey)) return first
  await keys.refresh()
  const now = keys.current()
  if (now === undefined) throw new Error('the key set of the issuer was never fetched')
  return now === before && first !== undefined ? first : await verifyWith(token, now, options())
}

const noKey = 'ERR_JWKS_NO_MATCHING_KEY'

/** Read when the first token comes: most gateways see none, and need not hold it. */
type Jose = typeof import('jose')

const preparedSets = new WeakMap<JSONWebKeySet, LocalJWKSet>()

function prepared({ createLocalJWKSet }: Jose, keys: JSONWebKeySet): LocalJWKSet {
  const found = preparedSets.get(keys) ?? createLocalJWKSet(keys)
  preparedSets.set(keys, found)
  return found
}

/** Where several keys could be meant (a token without key id), any one that fits. What jose refuses is refused; the rest is a fault. */
async function verifyWith(token: string, keys: JSONWebKeySet, options: JWTVerifyOptions): Promise<Verified> {
  const jose = await import('jose')
  try {
    return { claims: (await jose.jwtVerify(token, prepared(jose, keys), options)).payload }
  } catch (error) {
    if (error instanceof jose.errors.JWKSMultipleMatchingKeys) return await verifyWithAny(jose, token, error, options)
    return explain(jose, error)
  }
}

async function verifyWithAny(jose: Jose, token: string, several: errors.JWKSMultipleMatchingKeys, options: JWTVerifyOptions): Promise<Verified> {
  let last: Verified = { why: noKey }
  for await (const key of several) {
    try {
      return { claims: (await jose.jwtVerify(token, key, options)).payload }
    } catch (error) {
      last = explain(jose, error)
      if (!(error instanceof jose.errors.JWSSignatureVerificationFailed)) return last
    }
  }
  return last
}

function explain({ errors }: Jose, error: unknown): Verified {
  if (error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired) return { why: error.code, claim: error.claim }
  if (error instanceof errors.JOSEError) return { why: error.code }
  throw error
}

function judgeClaims(claims: JWTPayload, settings: JwtSettings, { certificate }: Pick<Head, 'certificate'>): Judgement {
  for (const [name, wanted] of Object.entries(settings.claims)) {
    if (!holds(claims, name, wanted)) return { vouched: false, facts: { why: 'a claim is not what it has to be', claim: name } }
  }
  const unbound = judgeBinding(claims, settings.certificateBound === true ? 'demanded' : 'honoured', certificate?.fingerprint)
  if (unbound !== undefined) return refused(unbound)
  const { iss: issuer, sub: subject } = claims
  return { vouched: true, sender: subject, facts: { issuer, subject } }
}

function holds(claims: JWTPayload, name: string, wanted: readonly (string | number | boolean)[]): boolean {
  const found: unknown = Object.hasOwn(claims, name) ? claims[name] : undefined
  return wanted.some((value) => value === found || (Array.isArray(found) && found.includes(value)))
}

/**
 * RFC 8705 section 3.1: a token bound to a certificate is good only on a connection that shows that certificate. A
 * binding of another kind is one that we cannot verify. Why it does not hold, or undefined.
 */
function judgeBinding({ cnf }: JWTPayload, binding: 'demanded' | 'honoured', fingerprint: string | undefined): string | undefined {
  if (cnf === undefined) return binding === 'demanded' ? 'the token is bound to no certificate' : undefined
  if (typeof cnf !== 'object' || cnf === null || !Object.hasOwn(cnf, 'x5t#S256')) return 'the token is bound to something that cannot be verified'
  if (Object.keys(cnf).length !== 1) return 'the token is bound to more than a certificate'
  const thumbprint: unknown = (cnf as Record<string, unknown>)['x5t#S256']
  if (fingerprint === undefined) return 'the token is bound to a certificate, and none was shown'
  return thumbprint === Buffer.from(fingerprint, 'hex').toString('base64url') ? undefined : 'the token is bound to another certificate'
}
