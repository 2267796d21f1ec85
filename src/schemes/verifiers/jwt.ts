import { createHash, type KeyObject } from 'node:crypto'
import type { JWTPayload } from 'jose'
import { z } from 'zod'
import { duration } from '../../core/fields.ts'
import { refuse, type Refuse, type Verdict } from '../../core/verdict.ts'
import { bytesOf, decode } from '../encoding.ts'
import { keySchema } from '../keys.ts'
import type { PublicUrl } from '../public-url.ts'
import type { Verifiable } from '../reading.ts'
import type { PreparedKey } from '../scheme-keys.ts'
import type { SignatureReason } from '../scheme.ts'
import { fixedSource, namedSource, publicAlgorithms, publicSource, type KeySource } from './json-web-keys.ts'
import { signToken } from './jwt-sign.ts'
import { queryHash } from './query-hash.ts'
import { readHeader, readSegment } from './token-json.ts'
import { defineVerifier, headerOf, malformedAt, oneOrMore, ownPrivateKey, ownSecret, ownUrl, proven, secretsFor, urlFor, type VerifierTools, type Watch } from './verifier.ts'

const hashClaim = z.strictObject({
  claim: z.string().min(1).describe('The claim that holds the SHA-256.'),
  encoding: z.enum(['hex', 'base64', 'base64url']).default('hex').describe('How it is spelled.'),
})

const secretAlgorithms = ['HS256', 'HS384', 'HS512'] as const

const settings = z.strictObject({
  kind: z.literal('jwt').describe('A JSON Web Token (RFC 7519) that speaks for the delivery.'),
  header: z.string().min(1).default('Authorization').describe('The header of the token.'),
  prefix: z.string().min(1).optional().describe('What stands before the token, such as `Bearer `.'),
  algorithms: z.array(z.enum([...secretAlgorithms, ...publicAlgorithms])).min(1)
    .describe('The algorithms that are taken: all with a secret, or all with a public key. Never `none`.'),
  key: keySchema.optional().describe('How a secret is written; text where it is left out.'),
  jwks: z.url({ protocol: /^https$/ }).optional().describe('Where the sender publishes its keys (RFC 7517). `keys` of the route, as PEM, JWK or JWKS, stand in their place.'),
  pemBelow: z.url({ protocol: /^https$/ }).optional().describe('Where the sender publishes each key as PEM, under its name (`kid`). `keys` of the route stand in their place.'),
  keyNamedBy: z.enum(['kid', 'iss']).default('kid').describe('What names the key: the header of the token, or who issued it. A secret that has an `id` is asked by it alone.'),
  body: hashClaim.extend({
    whenEmpty: z.enum(['hashed', 'absent']).default('hashed').describe('Does the claim stand there for an empty body, too?'),
  }).optional().describe('The claim that covers the body. Without it the token says nothing about the body.'),
  url: hashClaim.optional().describe('The claim that covers the URL; needs `publicUrl`.'),
  query: z.strictObject({
    claim: z.string().min(1).describe('The claim that holds the hash.'),
    basePath: z.string().regex(/^(\/|(\/[^/?#\s]+)+\/?)?$/, 'is no path').default('').describe("The path of the app's base URL, which the hash leaves out."),
  }).optional().describe('The claim that covers method, path and query, in the canonical form of Atlassian Connect.'),
  issuer: oneOrMore.optional().describe('Who may have issued the token.'),
  audience: oneOrMore.optional().describe('For whom the token must be.'),
  claims: z.record(z.string(), z.union([z.string(), z.boolean(), z.null()])).optional().describe('Claims that must be exactly so; null is a claim that was left open.'),
  past: duration.optional().describe('How old the time of issue (`iat`) may be; it must stand there then.'),
  tolerance: duration.default(5_000).describe('How far the clocks may differ.'),
  idClaim: z.string().min(1).optional().describe("The claim that is the delivery's id."),
})
export type JwtSettings = z.output<typeof settings>
type Settings = JwtSettings

/** Does a token of the sender speak for this delivery: signed by it, for us, now, and about this very body and URL? */
export const jwt = defineVerifier({
  settings,
  headers: ({ header }) => [header.toLowerCase()],
  facts: ({ past, tolerance, idClaim }) => ({
    timestamped: past !== undefined,
    window: past === undefined ? undefined : { past, future: tolerance },
    signsId: idClaim !== undefined,
  }),
  compile(settings, tools) {
    if (isMixed(settings)) return void tools.report({ path: ['scheme', 'verifier', 'algorithms'], what: 'secrets and public keys are mixed', mend: 'name either HS… or the others' })
    const url = settings.url === undefined ? undefined : urlFor(tools)
    const keys = keySource(settings, tools)
    if (keys === undefined || (settings.url !== undefined && url === undefined)) return undefined
    return (delivery) => verify(settings, { keys, url, watch: tools.watch }, delivery)
  },
  sign(settings, tools) {
    const key = isShared(settings) ? ownSecret(tools, settings.key) : ownPrivateKey(tools)
    return key && signToken(settings, key, settings.url && ownUrl(tools), tools.report)
  },
})

/** Where both are taken, a sender could use a public key, which everybody knows, as the secret. */
function isMixed({ algorithms }: Settings): boolean {
  return new Set(algorithms.map((name) => name.startsWith('HS'))).size > 1
}

function keySource({ algorithms, jwks, pemBelow, key }: Settings, tools: VerifierTools): KeySource | undefined {
  if (isShared({ algorithms })) return fixedSource(secretsFor(tools, key))
  return pemBelow === undefined || tools.keys.keys.length > 0 ? publicSource(jwks, tools) : namedSource(pemBelow, tools)
}

function isShared({ algorithms }: Pick<Settings, 'algorithms'>): boolean {
  return algorithms.every((name) => name.startsWith('HS'))
}

interface Tools { readonly keys: KeySource; readonly url: PublicUrl | undefined; readonly watch: Watch | undefined }

async function verify(settings: Settings, { keys, url, watch }: Tools, delivery: Verifiable): Promise<Verdict<SignatureReason>> {
  const written = headerOf(delivery, settings.header.toLowerCase())
  if (typeof written !== 'string') return written
  const { prefix = '' } = settings
  const token = written.startsWith(prefix) ? written.slice(prefix.length) : ''
  const header = readHeader(tokenForm.exec(token)?.[1] ?? '')
  if (header === undefined) return malformedAt(`header ${settings.header.toLowerCase()}`, 'holds no token')
  if (watch !== undefined) watchToken(watch, token, settings, delivery, url)
  const candidates = await keys(settings.keyNamedBy === 'iss' ? issuerOf(token) : header.kid)
  if (candidates.length === 0) return refuse('key-unknown')
  let refusal: Refuse<SignatureReason> = refuse('signature-mismatch')
  for (const key of candidates) {
    const payload = await open(token, key.object, settings, delivery)
    if (!('verdict' in payload)) return judge(settings, url, delivery, payload as JWTPayload, token, key)
    refusal = payload as Refuse<SignatureReason>
    if (refusal.reason !== 'signature-mismatch') return refusal
  }
  return refusal
}

/** Who says that it issued the token, before anybody knows; empty where nobody does, which is no key's name. */
function issuerOf(token: string): string {
  const payload = readSegment(token.split('.', 2)[1] ?? '', ['iss'])
  const said = isObject(payload) ? (payload as { readonly iss?: unknown }).iss : undefined
  return typeof said === 'string' ? said : ''
}

/** Three parts, none of them larger than any token's. */
const tokenForm = /^([A-Za-z0-9_-]{1,4096})\.([A-Za-z0-9_-]{1,16384})\.([A-Za-z0-9_-]{1,2048})$/

/** Is a token that its signature proves spelled in the one canonical way, and does each claim that decides stand there once? */
function isUnambiguous(token: string, settings: Settings): boolean {
  const [, , payload = '', signature = ''] = tokenForm.exec(token) ?? []
  return decode(signature, 'base64url') !== undefined && isObject(readSegment(payload, claimNames(settings)))
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Every claim that decides something. */
function claimNames({ body, url, query, claims = {}, idClaim }: Settings): readonly string[] {
  const own = [body?.claim, url?.claim, query?.claim, idClaim].filter((name) => name !== undefined)
  return ['iss', 'aud', 'exp', 'nbf', 'iat', 'jti', 'sub', ...own, ...Object.keys(claims)]
}

async function open(token: string, key: KeyObject, settings: Settings, { at }: Verifiable): Promise<JWTPayload | Refuse<SignatureReason>> {
  const { algorithms, issuer, audience, past, tolerance } = settings
  const { errors, jwtVerify } = await import('jose')
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [...algorithms], currentDate: new Date(at), clockTolerance: tolerance / 1000,
      ...(issuer && { issuer: [...issuer] }), ...(audience && { audience: [...audience] }), ...(past && { requiredClaims: ['iat'] }),
    })
    return payload
  } catch (error) {
    return whyNot(errors, error)
  }
}

function whyNot(errors: typeof import('jose').errors, error: unknown): Refuse<SignatureReason> {
  if (error instanceof errors.JWTExpired) return refuse('timestamp-expired')
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'nbf' && error.reason === 'check_failed') return refuse('timestamp-in-future')
    if (error.claim === 'iat') return refuse(error.reason === 'missing' ? 'timestamp-missing' : 'timestamp-malformed')
    return refuse('signature-mismatch', { claim: error.claim })
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return refuse('signature-mismatch')
  if (error instanceof errors.JOSEError) return malformedAt('token', error.code)
  // A key that the algorithm of the token cannot use: another key may.
  if (error instanceof TypeError) return refuse('signature-mismatch')
  throw error
}

/** What the token says, and what it would have to say, before anybody knows whether it is the sender's. */
function watchToken(watch: Watch, token: string, settings: Settings, delivery: Verifiable, url: PublicUrl | undefined): void {
  const [header = '', payload = '', signature = ''] = token.split('.')
  const claims = readSegment(payload, [])
  const said = (name: string): string => String((isObject(claims) ? (claims as Record<string, unknown>)[name] : undefined) ?? 'nothing')
  const iat = said('iat')
  watch.signed({
    where: `header ${settings.header.toLowerCase()}`, algorithm: `${settings.algorithms.join(' or ')} (header ${Buffer.from(header, 'base64url').toString('latin1')})`,
    spelling: 'base64url', texts: [signature], message: [`${header}.${payload}`], timestamp: iat === 'nothing' ? undefined : iat,
    id: settings.idClaim === undefined ? undefined : said(settings.idClaim),
  })
  if (settings.body !== undefined) watch.compared(`claim ${settings.body.claim}`, said(settings.body.claim), sha256(delivery.body, settings.body.encoding))
  const whole = url?.whole(delivery.path, delivery.query)
  if (settings.url !== undefined && whole !== undefined) watch.compared(`claim ${settings.url.claim}`, said(settings.url.claim), sha256(bytesOf(whole), settings.url.encoding))
  if (settings.query !== undefined) watch.compared(`claim ${settings.query.claim}`, said(settings.query.claim), queryHash(delivery, settings.query.basePath) ?? 'nothing')
  for (const [name, wanted] of [['iss', settings.issuer], ['aud', settings.audience]] as const) {
    if (wanted !== undefined) watch.compared(`claim ${name}`, said(name), wanted.includes(said(name)) ? said(name) : wanted.join(' or '))
  }
}

/** The token is the sender's and for now. Is it about this delivery? */
function judge(
  settings: Settings, url: PublicUrl | undefined, delivery: Verifiable, payload: JWTPayload, token: string, key: PreparedKey,
): Verdict<SignatureReason> {
  if (!isUnambiguous(token, settings)) return malformedAt('token', 'can be read in two ways')
  for (const [claim, value] of Object.entries(settings.claims ?? {})) {
    if (value !== null && payload[claim] !== value) return refuse('signature-mismatch', { claim })
  }
  if (settings.body !== undefined && !coversBody(settings.body, payload, delivery.body)) return refuse('digest-mismatch', { claim: settings.body.claim })
  const whole = url?.whole(delivery.path, delivery.query)
  if (settings.url !== undefined && (whole === undefined || !covers(settings.url, payload, bytesOf(whole)))) {
    return refuse('signature-mismatch', { claim: settings.url.claim })
  }
  if (settings.query !== undefined && !coversQuery(settings.query, payload, delivery)) return refuse('signature-mismatch', { claim: settings.query.claim })
  const id = settings.idClaim === undefined ? undefined : payload[settings.idClaim]
  const material = [bytesOf(token.slice(0, token.lastIndexOf('.')))]
  return proven({
    // A token that does not cover the body may come again with another delivery: then the body counts as well.
    material: settings.body === undefined ? [...material, bytesOf('\n'), delivery.body] : material,
    at: typeof payload.iat === 'number' ? payload.iat * 1000 : undefined,
    id: typeof id === 'string' && id !== '' ? id : undefined,
    key: key.reference,
  })
}

function coversBody(claim: NonNullable<Settings['body']>, payload: JWTPayload, body: Uint8Array): boolean {
  if (claim.whenEmpty === 'absent' && body.length === 0) return payload[claim.claim] === undefined
  return covers(claim, payload, body)
}

function coversQuery({ claim, basePath }: NonNullable<Settings['query']>, payload: JWTPayload, delivery: Verifiable): boolean {
  const right = queryHash(delivery, basePath)
  return right !== undefined && payload[claim] === right
}

function covers({ claim, encoding }: z.output<typeof hashClaim>, payload: JWTPayload, bytes: Uint8Array): boolean {
  return payload[claim] === sha256(bytes, encoding)
}

function sha256(bytes: Uint8Array, encoding: z.output<typeof hashClaim>['encoding']): string {
  return createHash('sha256').update(bytes).digest(encoding)
}
