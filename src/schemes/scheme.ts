import type { KeyObject } from 'node:crypto'
import type { Signed } from '../core/delivery.ts'
import type { SchemeFacts } from '../core/signing.ts'
import type { Instant } from '../core/units.ts'
import { pass, refuse, type Refuse, type Verdict } from '../core/verdict.ts'
import { withoutSecret, type Message } from './algorithms/algorithm.ts'
import type { SchemeDocument } from './document.ts'
import { bytesOf, decode } from './encoding.ts'
import { isMalformed, type Found, type Malformed } from './extract.ts'
import { only } from './message.ts'
import type { Place, Report, SchemePlan, SignaturePlan } from './plan.ts'
import { planScheme } from './plan.ts'
import { Reading, type Verifiable } from './reading.ts'
import { prepareKeys, type PreparedKey, type SchemeKeys } from './scheme-keys.ts'
import { parseTime, type TimeUnit } from './time-text.ts'
import { schemeFacts } from './scheme-facts.ts'

/** Why a signature is refused. */
export type SignatureReason =
  'signature-missing' | 'signature-malformed' | 'signature-mismatch' | 'key-unknown' | 'timestamp-missing' | 'timestamp-malformed'
  | 'timestamp-expired' | 'timestamp-in-future' | 'digest-mismatch'

/** A way of signing with its keys, ready to judge deliveries. Never throws for what a sender wrote. */
export interface Scheme {
  readonly document: SchemeDocument
  /** What the replay check has to know. */
  readonly facts: SchemeFacts
  /** Lower-case names of the headers that decide. Repeated, they are malformed. */
  readonly headers: readonly string[]
  /** Passes with `gain.signed`, or refuses. */
  readonly verify: (delivery: Verifiable) => Verdict<SignatureReason> | Promise<Verdict<SignatureReason>>
  /** What was read and what would have been right, for `explain`; undefined for built-in verifiers that cannot say. */
  readonly inspect: ((delivery: Verifiable) => Inspection) | undefined
}

/** What a delivery's signature looked like, and should have looked like. Holds MACs: for the operator's terminal only. */
export interface Inspection {
  /** Why no signature could be read; undefined where one could. */
  readonly refusal: Refuse<SignatureReason> | undefined
  /** The string to sign; empty where it could not be made. A secret inside it is left out. */
  readonly material: readonly Uint8Array[]
  readonly timestamp: string | undefined
  readonly id: string | undefined
  /** The signatures as they were sent, by place. */
  readonly found: readonly { readonly where: string; readonly algorithm: string; readonly texts: readonly string[] }[]
  /** What each secret would have signed, spelled as the scheme spells it; nothing for public keys. */
  readonly expected: readonly { readonly key: string; readonly where: string; readonly text: string }[]
}

/** Compiles a document with its keys. Undefined once a problem was reported. */
export function compileSigned(
  document: SchemeDocument, keys: SchemeKeys, publicUrl: string | undefined, report: Report,
): Scheme | undefined {
  const plan = planScheme(document, publicUrl, report)
  if (plan === undefined) return undefined
  const ready = prepareKeys(plan, keys, report)
  if (ready === undefined) return undefined
  const unit = document.timestamp?.unit
  return {
    document,
    facts: schemeFacts(document),
    headers: plan.headers,
    verify: (delivery) => verify(new Reading(delivery, plan.tree), plan, ready, unit),
    inspect: (delivery) => inspect(new Reading(delivery, plan.tree), plan, ready, unit),
  }
}

/** The keys of each signature, in the order of the plan's signatures. */
export type ReadyKeys = readonly (readonly PreparedKey[])[]

/** What the delivery says of itself, before any key is asked. */
interface Evidence {
  readonly candidates: readonly (readonly Uint8Array[])[]
  readonly message: Message
  readonly at: Instant | undefined
}

function verify(reading: Reading, plan: SchemePlan, keys: ReadyKeys, unit: TimeUnit | undefined): Verdict<SignatureReason> {
  const evidence = gather(reading, plan, unit)
  if ('verdict' in evidence) return evidence
  let asked = 0
  for (let at = 0; at < plan.signatures.length; at += 1) {
    const { algorithm } = plan.signatures[at] as SignaturePlan
    const candidates = evidence.candidates[at] as readonly Uint8Array[]
    if (candidates.length === 0) continue
    for (const key of keys[at] as readonly PreparedKey[]) {
      if (reading.keyId !== undefined && key.id !== reading.keyId) continue
      asked += 1
      if (algorithm.proves(evidence.message, key.object, candidates)) return accept(reading, plan, evidence, key.reference)
    }
  }
  return asked === 0 ? refuse('key-unknown') : refuse('signature-mismatch', { keys: asked })
}

function accept(reading: Reading, plan: SchemePlan, { message, at }: Evidence, key: string): Verdict<SignatureReason> {
  const id = reading.id ?? (plan.id && only(plan.id.read, reading, plan.id.name))
  if (typeof id === 'object') return id
  const signed: Signed = { material: withoutSecret(message), at, id, key }
  return pass({ key }, { signed })
}

function gather(reading: Reading, plan: SchemePlan, unit: TimeUnit | undefined): Evidence | Refuse<SignatureReason> {
  const candidates = readCandidates(reading, plan)
  if ('verdict' in candidates) return candidates
  const unmet = plan.require.find((condition) => !holds(condition, reading))
  if (unmet !== undefined) return refuse('signature-malformed', { where: unmet.name, why: 'is not what the scheme asks' })
  const names = readNames(reading, plan)
  if (names !== undefined) return names
  const at = readTime(reading, plan.timestamp, unit)
  if (typeof at === 'object') return at
  const message = plan.build(reading)
  return 'verdict' in message ? message : { candidates, message, at }
}

function readCandidates(reading: Reading, plan: SchemePlan): (readonly Uint8Array[])[] | Refuse<SignatureReason> {
  const candidates: (readonly Uint8Array[])[] = []
  let written = 0
  let usable = 0
  for (const signature of plan.signatures) {
    const texts = signature.read(reading)
    if (isMalformed(texts)) return texts
    const decoded = texts.map((text) => decodeSignature(signature, text)).filter((bytes) => bytes !== undefined)
    written += texts.length
    usable += decoded.length
    candidates.push(decoded)
  }
  if (written === 0) return refuse('signature-missing', { where: plan.signatures.map(({ name }) => name) })
  if (usable === 0) return refuse('signature-malformed', { where: plan.signatures.map(({ name }) => name), why: 'is not spelled as the scheme asks' })
  return candidates
}

/** Undefined: not the one canonical spelling of a signature of this algorithm's length. */
export function decodeSignature({ document: { encoding }, algorithm: { length } }: SignaturePlan, text: string): Uint8Array | undefined {
  if (encoding === 'text') return text === '' ? undefined : bytesOf(text)
  const bytes = decode(text, encoding)
  return length === undefined || bytes?.length === length ? bytes : undefined
}

function holds({ read, equals }: SchemePlan['require'][number], reading: Reading): boolean {
  const found = read(reading)
  return !isMalformed(found) && found.length === 1 && equals.includes(found[0] as string)
}

/** Reads the key's name, and the id where it is signed as a text of its own. */
function readNames(reading: Reading, { keyId, id, tokens }: SchemePlan): Malformed | undefined {
  const key = keyId && required(keyId, reading)
  if (typeof key === 'object') return key
  reading.keyId = key
  if (id === undefined || !tokens.some((token) => 'name' in token && token.name === 'id')) return undefined
  const name = required(id, reading)
  if (typeof name === 'object') return name
  reading.id = name
  return undefined
}

function required({ read, name }: Place, reading: Reading): string | Malformed {
  const text = only(read, reading, name)
  return text === undefined || text === '' ? refuse('signature-malformed', { where: name, why: 'is missing' }) : text
}

function readTime(reading: Reading, place: Place | undefined, unit: TimeUnit | undefined): Instant | undefined | Refuse<SignatureReason> {
  if (place === undefined || unit === undefined) return undefined
  const text = only(place.read, reading, place.name)
  if (typeof text === 'object') return text
  if (text === undefined) return refuse('timestamp-missing', { where: place.name })
  reading.timestamp = text
  return parseTime(text, unit) ?? refuse('timestamp-malformed', { where: place.name, unit })
}

function inspect(reading: Reading, plan: SchemePlan, keys: ReadyKeys, unit: TimeUnit | undefined): Inspection {
  const evidence = gather(reading, plan, unit)
  const refusal = 'verdict' in evidence ? evidence : undefined
  const message = 'verdict' in evidence ? tryBuild(reading, plan) : evidence.message
  const found = plan.signatures.map(({ name, algorithm, read }) => ({ where: name, algorithm: algorithm.name, texts: textsOf(read(reading)) }))
  const expected = message === undefined ? [] : plan.signatures.flatMap((signature, at) => (keys[at] ?? []).flatMap((key) => {
    const text = spell(signature, message, key.object)
    return text === undefined ? [] : [{ key: key.reference, where: signature.name, text }]
  }))
  return { refusal, material: message === undefined ? [] : withoutSecret(message), timestamp: reading.timestamp, id: reading.id, found, expected }
}

function tryBuild(reading: Reading, plan: SchemePlan): Message | undefined {
  const message = plan.build(reading)
  return 'verdict' in message ? undefined : message
}

function textsOf(found: Found): readonly string[] {
  return isMalformed(found) ? [] : found
}

/** A token is the secret itself, and a public key signs nothing: neither is shown. */
function spell({ algorithm, document: { encoding } }: SignaturePlan, message: Message, key: KeyObject): string | undefined {
  if (algorithm.keys === 'public' || algorithm.name === 'token' || encoding === 'text') return undefined
  return Buffer.from(algorithm.sign(message, key)).toString(encoding)
}
