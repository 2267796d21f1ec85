import { createHash, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { duration } from '../../core/fields.ts'
import { refuse, type Refuse, type Verdict } from '../../core/verdict.ts'
import { Headers } from '../../core/headers.ts'
import type { Algorithm } from '../algorithms/algorithm.ts'
import { checkDigest } from '../body-digest.ts'
import { bytesOf, decode } from '../encoding.ts'
import { httpAlgorithmFor, httpAlgorithmNames, provesByKey, type HttpAlgorithmName } from '../http-algorithms.ts'
import { keySchema } from '../keys.ts'
import { spell } from '../proof.ts'
import type { Verifiable } from '../reading.ts'
import type { PreparedKey } from '../scheme-keys.ts'
import type { SignatureReason } from '../scheme.ts'
import type { Stamp, Unsigned } from '../sign.ts'
import { formatTime, parseTime } from '../time-text.ts'
import { defineVerifier, headerOf, looksPrivate, malformedAt, ownPrivateKey, ownSecret, ownUrl, proven, publicKeysFor, secretsFor, type VerifierTools, type Watch } from './verifier.ts'

const settings = z.strictObject({
  kind: z.literal('cavage').describe('The older HTTP signatures (draft-cavage-http-signatures-12) of ActivityPub and others.'),
  header: z.string().min(1).default('Signature').describe('The header of the signature.'),
  algorithms: z.array(z.enum(httpAlgorithmNames)).min(1).default(['rsa-v1_5-sha256'])
    .describe('The algorithms that are taken. The key decides which; what the sender names is not obeyed.'),
  key: keySchema.optional().describe('How a public key is written; PEM where it is left out.'),
  covered: z.array(z.string().min(1)).default(['(request-target)', 'host', 'date', 'digest'])
    .describe('What a signature must cover at least. `date` may be `(created)`; `digest` only where there is a body.'),
  uncoveredBody: z.literal('allow').optional()
    .describe('Takes a body that no covered `Digest` speaks for: anybody may have changed it.'),
  past: duration.default(43_200_000).describe('How old the signed time may be.'),
  future: duration.default(300_000).describe('How far ahead it may be.'),
})
type Settings = z.output<typeof settings>

/** Did the sender sign these headers, enough of them, and the digest of this body? */
export const cavage = defineVerifier({
  settings,
  headers: ({ header, covered }) => [...new Set([header.toLowerCase(), 'date', 'digest', ...covered.filter((name) => !name.startsWith('('))])],
  facts: ({ past, future }) => ({ timestamped: true, window: { past, future }, signsId: false }),
  compile(settings, tools) {
    const keys = readKeys(settings, tools)
    return keys && ((delivery) => verify(settings, keys, delivery, tools.watch))
  },
  sign(settings, tools) {
    const isSecret = settings.algorithms.includes('hmac-sha256') && !looksPrivate(tools.written)
    const [key, url] = [isSecret ? ownSecret(tools) : ownPrivateKey(tools, settings.key), ownUrl(tools)]
    const chosen = key && httpAlgorithmFor(settings.algorithms, key)
    if (key !== undefined && chosen === undefined) tools.report({ path: [], what: `the key signs none of ${settings.algorithms.join(', ')}`, mend: 'give one that does' })
    return key && url && chosen && ((unsigned) => signHeaders(settings, { row: chosen.row, key, host: url.host }, unsigned))
  },
})

function readKeys({ key, algorithms }: Settings, tools: VerifierTools): readonly PreparedKey[] | undefined {
  if (tools.keys.secrets.length > 0 && !algorithms.includes('hmac-sha256')) return void tools.report({ path: ['secrets'], what: 'this scheme uses no secrets', mend: 'write keys' })
  return tools.keys.secrets.length > 0 ? secretsFor(tools) : publicKeysFor(tools, key)
}

interface Signer { readonly row: Algorithm; readonly key: KeyObject; readonly host: string }

function signHeaders({ header, covered }: Settings, { row, key, host }: Signer, unsigned: Unsigned): Stamp {
  const [date, later] = [formatTime(unsigned.at, 'http-date'), formatTime(unsigned.at + 1_000, 'http-date')]
  const digest = `SHA-256=${createHash('sha256').update(unsigned.body).digest('base64')}`
  const names = [...new Set([...covered, 'date', 'digest'])]
  const text = signingString(names, new Map(), { ...unsigned, headers: new Headers([...unsigned.headers, 'Host', host, 'Date', date, 'Digest', digest]) })
  if (typeof text !== 'string') throw new Error(`cannot sign: ${String(text.facts['where'])} ${String(text.facts['why'])}`)
  const signature = spell(row, 'base64', [text], key)
  const value = `keyId="${unsigned.keyId ?? 'key-1'}",algorithm="hs2019",headers="${names.join(' ')}",signature="${signature}"`
  return { headers: ['Date', date, 'Digest', digest, header, value], query: undefined, marks: { signature, time: { signed: date, later } } }
}

function watchHeaders(watch: Watch, keys: readonly PreparedKey[], { headers, body }: Verifiable, { parameters, text, signature, name }: Shown): void {
  const digest = headers.one('digest')
  if (typeof digest === 'string') watch.compared('header digest', digest, `SHA-256=${createHash('sha256').update(body).digest('base64')}`)
  const date = headers.one('date')
  watch.signed({
    where: `header ${name}`, algorithm: parameters.get('algorithm') ?? 'hmac-sha256', spelling: 'base64', texts: [Buffer.from(signature).toString('base64')], message: [text],
    timestamp: parameters.get('created') ?? (typeof date === 'string' ? date : undefined), keys: keys.filter(({ object }) => object.type === 'secret'),
  })
}

interface Shown { readonly parameters: ReadonlyMap<string, string>; readonly text: string; readonly signature: Uint8Array; readonly name: string }

function verify(settings: Settings, keys: readonly PreparedKey[], delivery: Verifiable, watch?: Watch): Verdict<SignatureReason> {
  const name = settings.header.toLowerCase()
  const written = headerOf(delivery, name)
  if (typeof written !== 'string') return written
  const parameters = parseParameters(written)
  const signature = decode(parameters?.get('signature') ?? '', 'base64')
  if (parameters === undefined || signature === undefined) return malformedAt(`header ${name}`, 'is not a list of parameters with a signature')
  const covered = (parameters.get('headers') ?? 'date').toLowerCase().split(' ')
  if (watch !== undefined) {
    const shown = signingString(covered, parameters, delivery)
    if (typeof shown === 'string') watchHeaders(watch, keys, delivery, { parameters, text: shown, signature, name })
  }
  const wanted = settings.uncoveredBody === 'allow' ? settings.covered : [...settings.covered, 'digest']
  const lacking = wanted.find((one) => !isCovered(one, covered, delivery))
  if (lacking !== undefined) return refuse('signature-mismatch', { uncovered: lacking })
  const digest = checkBody(delivery)
  if (digest !== undefined) return digest
  const at = readTime(parameters, covered, delivery)
  if (typeof at === 'object') return at
  const text = signingString(covered, parameters, delivery)
  if (typeof text !== 'string') return text
  return judge(settings, keys, delivery, { parameters, text, signature, at, coversBody: covered.includes('digest') })
}

interface Read {
  readonly parameters: ReadonlyMap<string, string>
  readonly text: string
  readonly signature: Uint8Array
  readonly at: number
  readonly coversBody: boolean
}

function judge(
  settings: Settings, keys: readonly PreparedKey[], delivery: Verifiable, { parameters, text, signature, at, coversBody }: Read,
): Verdict<SignatureReason> {
  const keyId = parameters.get('keyId')
  const asked = keys.filter(({ id }) => id === undefined || id === keyId)
  if (asked.length === 0) return refuse('key-unknown')
  const names = namesFor(settings.algorithms, parameters.get('algorithm'))
  const key = asked.find(({ object }) => provesByKey(names, [text], object, signature))
  if (key === undefined) return refuse('signature-mismatch', { keys: asked.length })
  const material = coversBody ? [bytesOf(text)] : [bytesOf(`${text}\n`), delivery.body]
  return proven({ material, at, id: undefined, key: key.reference })
}

/** What the draft's names mean (appendix E.2); those that it calls deprecated and weak are not among them. */
const named = new Map<string, HttpAlgorithmName>([
  ['rsa-sha256', 'rsa-v1_5-sha256'], ['hmac-sha256', 'hmac-sha256'], ['ecdsa-sha256', 'ecdsa-p256-sha256'], ['ed25519', 'ed25519'],
])

/** The named algorithm where it is allowed. `hs2019` leaves it to the key, as does no name. */
function namesFor(allowed: readonly HttpAlgorithmName[], name: string | undefined): readonly HttpAlgorithmName[] {
  if (name === undefined || name === 'hs2019') return allowed
  return allowed.filter((one) => one === named.get(name))
}

/** `keyId="…",algorithm="…",created=1` → its parts; undefined where it is not of that form, or a name stands there twice. Linear. */
export function parseParameters(text: string): ReadonlyMap<string, string> | undefined {
  const parameters = new Map<string, string>()
  let at = 0
  while (at < text.length) {
    const equals = text.indexOf('=', at)
    const name = text.slice(at, equals).trim()
    const quoted = text[equals + 1] === '"'
    const end = text.indexOf(quoted ? '"' : ',', equals + 2)
    const stop = end === -1 && !quoted ? text.length : end
    if (equals === -1 || stop === -1 || !/^[A-Za-z]{1,20}$/.test(name) || parameters.has(name)) return undefined
    parameters.set(name, text.slice(quoted ? equals + 2 : equals + 1, stop))
    const comma = quoted ? stop + 1 : stop
    if (comma < text.length && text[comma] !== ',') return undefined
    at = comma + 1
  }
  return parameters.size > 0 ? parameters : undefined
}

function isCovered(component: string, covered: readonly string[], { body }: Verifiable): boolean {
  if (covered.includes(component)) return true
  if (component === 'date') return covered.includes('(created)')
  return component === 'digest' && body.length === 0
}

/** A digest that stands there must be right, signed or not. */
function checkBody({ headers, body }: Verifiable): Refuse<SignatureReason> | undefined {
  const value = headers.one('digest')
  if (value === undefined) return undefined
  if (typeof value !== 'string') return malformedAt('header digest', 'stands there more than once')
  const said = checkDigest(value, body)
  if (said === 'unreadable') return malformedAt('header digest', 'holds no digest that we know')
  return said === 'right' ? undefined : refuse('digest-mismatch', { where: 'header digest' })
}

/** `(created)` where it is covered, otherwise `Date`; `(expires)` is the sender's own word and ends the signature. */
function readTime(parameters: ReadonlyMap<string, string>, covered: readonly string[], { headers, at }: Verifiable): number | Refuse<SignatureReason> {
  const expires = parameters.get('expires')
  const end = expires === undefined ? undefined : parseTime(expires, 'seconds')
  if (expires !== undefined && end === undefined) return refuse('timestamp-malformed', { where: 'parameter expires' })
  if (end !== undefined && at > end) return refuse('timestamp-expired', { where: 'parameter expires' })
  const created = covered.includes('(created)') ? parameters.get('created') : undefined
  const date = headers.one('date')
  if (created === undefined && (date === undefined || !covered.includes('date'))) return refuse('timestamp-missing', { where: 'header date' })
  if (created !== undefined) return parseTime(created, 'seconds') ?? refuse('timestamp-malformed', { where: 'parameter created' })
  const signed = typeof date === 'string' ? parseTime(date, 'http-date') : undefined
  return signed ?? refuse('timestamp-malformed', { where: 'header date' })
}

/** Section 2.3: one line a component, in the order of the list. */
function signingString(
  covered: readonly string[], parameters: ReadonlyMap<string, string>, delivery: Verifiable,
): string | Refuse<SignatureReason> {
  const lines: string[] = []
  for (const name of covered) {
    const value = valueOf(name, parameters, delivery)
    if (value === undefined) return malformedAt(`component ${name}`, 'is absent, or unknown')
    lines.push(`${name}: ${value}`)
  }
  return lines.join('\n')
}

function valueOf(name: string, parameters: ReadonlyMap<string, string>, { method, path, query, headers }: Verifiable): string | undefined {
  if (name === '(request-target)') return `${method.toLowerCase()} ${path}${query === undefined ? '' : `?${query}`}`
  if (name === '(created)') return parameters.get('created')
  if (name === '(expires)') return parameters.get('expires')
  const lines = headers.all(name)
  return lines.length === 0 ? undefined : lines.map((line) => line.trim()).join(', ')
}
