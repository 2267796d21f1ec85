import { createHash } from 'node:crypto'
import { parseDictionary, type InnerList } from 'structured-headers'
import { z } from 'zod'
import { duration } from '../../core/fields.ts'
import { refuse, type Refuse, type Verdict } from '../../core/verdict.ts'
import { checkContentDigest } from '../body-digest.ts'
import { bytesOf } from '../encoding.ts'
import { httpAlgorithmNames, provesByKey, type HttpAlgorithmName } from '../http-algorithms.ts'
import { parsePublicUrl, type PublicUrl } from '../public-url.ts'
import type { Verifiable } from '../reading.ts'
import type { PreparedKey } from '../scheme-keys.ts'
import type { SignatureReason } from '../scheme.ts'
import { signMessage } from './rfc9421-sign.ts'
import { signatureBase, wholeComponents } from './signature-base.ts'
import { defineVerifier, headerOf, looksPrivate, malformedAt, ownPrivateKey, ownSecret, ownUrl, proven, publicKeysFor, secretsFor, type VerifierTools, type Watch } from './verifier.ts'

const settings = z.strictObject({
  kind: z.literal('rfc9421').describe('HTTP Message Signatures (RFC 9421), with Content-Digest (RFC 9530).'),
  algorithms: z.array(z.enum(httpAlgorithmNames)).min(1).default(['ed25519', 'ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'rsa-pss-sha512', 'hmac-sha256'])
    .describe('The algorithms that are taken. The key decides which of them; the sender may name it, and not choose it.'),
  covered: z.array(z.string().min(1)).default(['@method', '@authority', '@path', '@query', 'content-digest'])
    .describe('What a signature must cover at least. `@target-uri` stands for authority, path and query.'),
  uncoveredBody: z.literal('allow').optional()
    .describe('Takes a body that no covered `Content-Digest` speaks for: anybody may have changed it.'),
  label: z.string().min(1).optional().describe('Which of several signatures counts. Left out, each of them counts.'),
  tag: z.string().min(1).optional().describe('The `tag` that the signature must have.'),
  past: duration.default(300_000).describe('How old `created` may be. It must stand there.'),
  future: duration.default(60_000).describe('How far ahead `created` may be.'),
})
type Settings = z.output<typeof settings>

const most = 8

/** Did the sender sign this message's components, enough of them, and the digest of this body? */
export const rfc9421 = defineVerifier({
  settings,
  headers: () => ['signature-input', 'signature', 'content-digest'],
  facts: ({ past, future }) => ({ timestamped: true, window: { past, future }, signsId: true }),
  compile(settings, tools) {
    const keys = readKeys(settings, tools)
    if (keys === undefined) return undefined
    const url = tools.publicUrl === undefined ? undefined : parsePublicUrl(tools.publicUrl)
    return (delivery) => verify(settings, { keys, url, watch: tools.watch }, delivery)
  },
  sign(settings, tools) {
    const isPrivate = looksPrivate(tools.written)
    const [key, url] = [isPrivate ? ownPrivateKey(tools) : ownSecret(tools), ownUrl(tools)]
    return key && url && signMessage(settings, key, url, tools.report)
  },
})

function readKeys({ algorithms }: Settings, tools: VerifierTools): readonly PreparedKey[] | undefined {
  const { secrets, keys } = tools.keys
  if (secrets.length > 0 && !algorithms.includes('hmac-sha256')) return void tools.report({ path: ['secrets'], what: 'this scheme uses no secrets', mend: 'write keys' })
  const symmetric = secrets.length > 0 ? secretsFor(tools) : []
  const asymmetric = keys.length > 0 || secrets.length === 0 ? publicKeysFor(tools) : []
  return symmetric && asymmetric && [...symmetric, ...asymmetric]
}

interface Tools { readonly keys: readonly PreparedKey[]; readonly url: PublicUrl | undefined; readonly watch: Watch | undefined }

interface Candidate { readonly input: InnerList; readonly signature: Uint8Array }

function verify(settings: Settings, tools: Tools, delivery: Verifiable): Verdict<SignatureReason> {
  const candidates = readCandidates(settings, delivery)
  if ('verdict' in candidates) return candidates
  if (tools.watch !== undefined) watchCandidates(tools.watch, candidates.list, tools, delivery)
  const digest = checkBody(delivery)
  if (digest !== undefined) return digest
  let refusal: Refuse<SignatureReason> = refuse('signature-missing', { where: 'header signature-input' })
  for (const candidate of candidates.list) {
    const verdict = judge(settings, tools, delivery, candidate)
    if (verdict.verdict === 'pass') return verdict
    refusal = verdict
  }
  return refusal
}

function watchCandidates(watch: Watch, candidates: readonly Candidate[], { keys, url }: Tools, delivery: Verifiable): void {
  const digest = delivery.headers.one('content-digest')
  if (typeof digest === 'string') watch.compared('header content-digest', digest, `sha-256=:${createHash('sha256').update(delivery.body).digest('base64')}:`)
  for (const { input, signature } of candidates) {
    const base = signatureBase(input, delivery, url)
    if (typeof base !== 'string') continue
    const { alg, created, nonce } = Object.fromEntries(input[1])
    watch.signed({
      where: 'header signature', algorithm: typeof alg === 'string' ? alg : 'hmac-sha256', spelling: 'base64', texts: [Buffer.from(signature).toString('base64')], message: [base],
      timestamp: typeof created === 'number' ? String(created) : undefined, id: typeof nonce === 'string' ? nonce : undefined,
      keys: keys.filter(({ object }) => object.type === 'secret'),
    })
  }
}

function readCandidates({ label, tag }: Settings, delivery: Verifiable): { readonly list: readonly Candidate[] } | Refuse<SignatureReason> {
  const inputs = headerOf(delivery, 'signature-input')
  const signatures = headerOf(delivery, 'signature')
  if (typeof inputs !== 'string') return inputs
  if (typeof signatures !== 'string') return signatures
  const [input, signature] = [readDictionary(inputs), readDictionary(signatures)]
  if (input === undefined || signature === undefined || input.size > most) return malformedAt('signature headers', 'are no dictionaries, or too long')
  if (!isCanonical(signatures, signature)) return malformedAt('header signature', 'is not spelled in the one canonical way')
  return {
    list: [...input].flatMap(([name, member]) => {
      const bytes = signature.get(name)?.[0]
      if (!Array.isArray(member[0]) || !(bytes instanceof ArrayBuffer) || (label !== undefined && label !== name)) return []
      return tag === undefined || member[1].get('tag') === tag ? [{ input: member as InnerList, signature: new Uint8Array(bytes) }] : []
    }),
  }
}

/** RFC 9651 section 4.2.7 lets padding be missing and its bits be anything; here a signature has one spelling. */
function isCanonical(text: string, signatures: NonNullable<ReturnType<typeof readDictionary>>): boolean {
  return [...signatures].every(([name, [bytes]]) => !(bytes instanceof ArrayBuffer) || text.includes(`${name}=:${Buffer.from(bytes).toString('base64')}:`))
}

function readDictionary(text: string): ReturnType<typeof parseDictionary> | undefined {
  try {
    return parseDictionary(text)
  } catch {
    return undefined
  }
}

/** A digest that stands there must be right, signed or not. */
function checkBody({ headers, body }: Verifiable): Refuse<SignatureReason> | undefined {
  const value = headers.one('content-digest')
  if (value === undefined) return undefined
  if (typeof value !== 'string') return malformedAt('header content-digest', 'stands there more than once')
  const said = checkContentDigest(value, body)
  if (said === 'unreadable') return malformedAt('header content-digest', 'holds no digest that we know')
  return said === 'right' ? undefined : refuse('digest-mismatch', { where: 'header content-digest' })
}

function judge(
  settings: Settings, { keys, url }: Tools, delivery: Verifiable, { input, signature }: Candidate,
): Verdict<SignatureReason> {
  const [, parameters] = input
  const wanted = settings.uncoveredBody === 'allow' ? settings.covered : [...settings.covered, 'content-digest']
  const lacking = wanted.find((component) => !isCovered(component, wholeComponents(input), delivery))
  if (lacking !== undefined) return refuse('signature-mismatch', { uncovered: lacking })
  const times = readTimes(parameters, delivery)
  if ('verdict' in times) return times
  const base = signatureBase(input, delivery, url)
  if (typeof base !== 'string') return malformedAt(`component ${base.component}`, 'is absent, repeated or unknown')
  const keyid = parameters.get('keyid')
  const asked = keys.filter(({ id }) => id === undefined || id === keyid)
  if (asked.length === 0) return refuse('key-unknown')
  const names = namesFor(settings.algorithms, parameters.get('alg'))
  const key = asked.find(({ object }) => provesByKey(names, [base], object, signature))
  if (key === undefined) return refuse('signature-mismatch', { keys: asked.length })
  const nonce = parameters.get('nonce')
  const material = [bytesOf(base)]
  return proven({
    material: isCovered('content-digest', wholeComponents(input), delivery) ? material : [...material, bytesOf('\n'), delivery.body],
    at: times.created, id: typeof nonce === 'string' && nonce !== '' ? nonce : undefined, key: key.reference,
  })
}

/** The named algorithm where it is allowed; all that are allowed where none is named. */
function namesFor(allowed: readonly HttpAlgorithmName[], named: unknown): readonly HttpAlgorithmName[] {
  return named === undefined ? allowed : allowed.filter((name) => name === named)
}

/** A component that need not be covered because it is not there: no query, no body. */
function isCovered(component: string, covered: readonly string[], { query, body }: Verifiable): boolean {
  if (covered.includes(component)) return true
  if (['@authority', '@path', '@query', '@scheme'].includes(component) && covered.includes('@target-uri')) return true
  if (component === '@query') return query === undefined || covered.includes('@request-target')
  if (component === '@path') return covered.includes('@request-target')
  return component === 'content-digest' && body.length === 0
}

/** `created` must be there; `expires` is the sender's own word and ends the signature. */
function readTimes(parameters: InnerList[1], { at }: Verifiable): { readonly created: number } | Refuse<SignatureReason> {
  const created = parameters.get('created')
  const expires = parameters.get('expires')
  if (created === undefined) return refuse('timestamp-missing', { where: 'parameter created' })
  if (!isTime(created) || (expires !== undefined && !isTime(expires))) return refuse('timestamp-malformed', { where: 'parameter created' })
  if (isTime(expires) && at > expires * 1000) return refuse('timestamp-expired', { where: 'parameter expires' })
  return { created: created * 1000 }
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value < 1e11
}
