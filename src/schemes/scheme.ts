import type { Signed } from '../core/delivery.ts'
import type { SchemeFacts } from '../core/signing.ts'
import type { Instant } from '../core/units.ts'
import { pass, refuse, type Refuse, type Verdict } from '../core/verdict.ts'
import { withoutSecret, type Message } from './algorithms/algorithm.ts'
import type { SchemeDocument } from './document.ts'
import { isMalformed, type Found, type Malformed } from './extract.ts'
import { isNoMessage } from './message.ts'
import type { Place, Report, SchemePlan, SignaturePlan } from './plan.ts'
import { planScheme } from './plan.ts'
import { decodeSignature, spell } from './proof.ts'
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
  /** What was read and what would have been right, for `explain`; undefined for built-in verifiers, which are watched. */
  readonly inspect: ((delivery: Verifiable) => Inspection) | undefined
  /** The same of a built-in verifier, compiled when it is asked for. */
  readonly watched?: () => ((delivery: Verifiable) => Promise<Inspection>) | undefined
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
  /** Digests and claims beside the signature, which must be the same. */
  readonly compared: readonly { readonly what: string; readonly found: string; readonly expected: string }[]
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

/** What the delivery says was signed, before any key is asked. */
interface Claimed { readonly message: Message; readonly at: Instant | undefined }

/** The texts of each signature, in the order of the plan's signatures. */
type Texts = readonly (readonly string[])[]

function verify(reading: Reading, plan: SchemePlan, keys: ReadyKeys, unit: TimeUnit | undefined): Verdict<SignatureReason> {
  const texts = readTexts(reading, plan, keys)
  if (!isTexts(texts)) return texts
  const claimed = readClaimed(reading, plan, unit)
  if ('verdict' in claimed) return claimed
  let asked = 0
  for (let at = 0; at < plan.signatures.length; at += 1) {
    const { proves } = plan.signatures[at] as SignaturePlan
    const written = texts[at] as readonly string[]
    if (written.length === 0) continue
    for (const key of keys[at] as readonly PreparedKey[]) {
      if (reading.keyId !== undefined && key.id !== reading.keyId) continue
      asked += 1
      if (proves(claimed.message, key.object, written)) return accept(reading, plan, claimed, key.reference)
    }
  }
  return whyNot(plan, texts, asked)
}

function isTexts(texts: Texts | Refuse<SignatureReason>): texts is Texts {
  return Array.isArray(texts)
}

/** Nothing matched: is there a signature at all that could have? */
function whyNot(plan: SchemePlan, texts: Texts, asked: number): Refuse<SignatureReason> {
  const readable = plan.signatures.some(({ algorithm, document: { encoding } }, at) => (
    texts[at]?.some((text) => decodeSignature(algorithm, encoding, text) !== undefined)
  ))
  if (!readable) return refuse('signature-malformed', { where: placesOf(plan), why: 'is not spelled as the scheme asks' })
  return asked === 0 ? refuse('key-unknown') : refuse('signature-mismatch', { keys: asked })
}

function placesOf(plan: SchemePlan): readonly string[] {
  return plan.signatures.map(({ name }) => name)
}

function accept(reading: Reading, plan: SchemePlan, { message, at }: Claimed, key: string): Verdict<SignatureReason> {
  return pass({ key }, { signed: new Proven(message, at, key, reading, plan.id) })
}

/**
 * What was proven. Bytes are made of it when somebody asks, and that is the replay check. An id inside a signed body is read then, too: reading JSON costs
 * as much as the MAC. Where the body holds none, or two, there is none: the whole material is the nonce then.
 */
class Proven implements Signed {
  readonly at: Instant | undefined
  readonly key: string
  readonly #message: Message
  #material: readonly Uint8Array[] | undefined
  readonly #reading: Reading
  readonly #place: Place | undefined

  constructor(message: Message, at: Instant | undefined, key: string, reading: Reading, place: Place | undefined) {
    this.#message = message
    this.at = at
    this.key = key
    this.#reading = reading
    this.#place = place
  }

  get material(): readonly Uint8Array[] {
    this.#material ??= withoutSecret(this.#message)
    return this.#material
  }

  get id(): string | undefined {
    if (this.#reading.id !== undefined || this.#place === undefined) return this.#reading.id
    const id = this.#place.only(this.#reading)
    return typeof id === 'string' && id !== '' ? id : undefined
  }
}

/** Signatures that we have no key for are looked at only where there is no other: nothing could come of them. */
function readTexts(reading: Reading, plan: SchemePlan, keys: ReadyKeys): Texts | Refuse<SignatureReason> {
  const texts: (readonly string[])[] = []
  let count = 0
  for (let at = 0; at < plan.signatures.length; at += 1) {
    const found = keys[at]?.length === 0 ? nothing : (plan.signatures[at] as SignaturePlan).read(reading)
    if (isMalformed(found)) return found
    count += found.length
    texts.push(found)
  }
  if (count > 0) return texts
  const where = placesOf(plan)
  return plan.signatures.some(({ read }) => textsOf(read(reading)).length > 0) ? refuse('key-unknown', { where }) : refuse('signature-missing', { where })
}

const nothing: readonly string[] = Object.freeze([])

function readClaimed(reading: Reading, plan: SchemePlan, unit: TimeUnit | undefined): Claimed | Refuse<SignatureReason> {
  const unmet = plan.require.length === 0 ? undefined : plan.require.find((condition) => !holds(condition, reading))
  if (unmet !== undefined) return refuse('signature-malformed', { where: unmet.name, why: 'is not what the scheme asks' })
  const names = readNames(reading, plan)
  if (names !== undefined) return names
  const at = readTime(reading, plan.timestamp, unit)
  if (typeof at === 'object') return at
  const message = plan.build(reading)
  return isNoMessage(message) ? message : { message, at }
}

function holds({ read, equals }: SchemePlan['require'][number], reading: Reading): boolean {
  const found = read(reading)
  return !isMalformed(found) && found.length === 1 && equals.includes(found[0] as string)
}

/** Reads the key's name, and the id where it is signed as a text of its own. */
function readNames(reading: Reading, { keyId, id, idIsPart }: SchemePlan): Malformed | undefined {
  const key = keyId && required(keyId, reading)
  if (typeof key === 'object') return key
  reading.keyId = key
  if (id === undefined || !idIsPart) return undefined
  const name = required(id, reading)
  if (typeof name === 'object') return name
  reading.id = name
  return undefined
}

function required({ only, name }: Place, reading: Reading): string | Malformed {
  const text = only(reading)
  return text === undefined || text === '' ? refuse('signature-malformed', { where: name, why: 'is missing' }) : text
}

function readTime(reading: Reading, place: Place | undefined, unit: TimeUnit | undefined): Instant | undefined | Refuse<SignatureReason> {
  if (place === undefined || unit === undefined) return undefined
  const text = place.only(reading)
  if (typeof text === 'object') return text
  if (text === undefined) return refuse('timestamp-missing', { where: place.name })
  reading.timestamp = text
  return parseTime(text, unit) ?? refuse('timestamp-malformed', { where: place.name, unit })
}

function inspect(reading: Reading, plan: SchemePlan, keys: ReadyKeys, unit: TimeUnit | undefined): Inspection {
  const verdict = verify(reading, plan, keys, unit)
  const message = plan.build(reading)
  const whole = isNoMessage(message) ? undefined : message
  return {
    refusal: verdict.verdict === 'refuse' ? verdict : undefined,
    material: whole === undefined ? [] : withoutSecret(whole),
    timestamp: reading.timestamp,
    id: reading.id,
    compared: [],
    found: plan.signatures.map(({ name, algorithm, read }) => ({ where: name, algorithm: algorithm.name, texts: textsOf(read(reading)) })),
    expected: whole === undefined ? [] : plan.signatures.flatMap((signature, at) => expectedOf(signature, whole, keys[at] ?? [])),
  }
}

function textsOf(found: Found): readonly string[] {
  return isMalformed(found) ? [] : found
}

/** A token is the secret itself, and a public key signs nothing: neither is shown. */
function expectedOf(
  { name, algorithm, document: { encoding } }: SignaturePlan, message: Message, keys: readonly PreparedKey[],
): Inspection['expected'] {
  if (algorithm.keys === 'public' || algorithm.length === undefined) return []
  return keys.map((key) => ({ key: key.reference, where: name, text: spell(algorithm, encoding, message, key.object) }))
}
