import { algorithm } from './algorithms/index.ts'
import type { SchemeDocument } from './document.ts'
import { formOf } from './keys.ts'
import { signaturesOf } from './plan.ts'
import { presetNames, presetParameters, resolvePreset } from './presets.ts'
import { schemeFacts } from './scheme-facts.ts'
import { isInBody } from './source.ts'
import { mentions, parseTemplate, type PlaceholderName } from './template-text.ts'
import { isShared, verifierFacts, type VerifierFacts } from './verifier-facts.ts'

/** How much a sender's proof is worth, by who could make it. */
export const strengths = {
  asymmetric: 'only the sender can sign',
  hmac: 'the sender and you can sign',
  hash: 'a plain hash with the secret inside: weaker than an HMAC',
  token: 'the sender shows a secret; nothing is signed',
} as const
export type Strength = keyof typeof strengths

/** What a proof covers, in the order in which it is told. */
const parts = ['body', 'part of the body', 'time', 'id', 'url'] as const
export type Covered = (typeof parts)[number]
/** What the operator writes, and its form. */
export interface KeyNeed { readonly under: 'secrets' | 'keys'; readonly form: string }

/** What there is to know of a preset before it is chosen. */
export interface PresetFacts {
  readonly name: string
  readonly document: SchemeDocument
  readonly strength: Strength
  /** The algorithms, by name. */
  readonly algorithms: readonly string[]
  /** What goes under `secrets` or `keys`; nothing where the sender's keys are fetched. */
  readonly keys: readonly KeyNeed[]
  /** What the proof covers; nothing for a token. */
  readonly signs: readonly Covered[]
  /** What is left open, in a few words each; `risks` of the document has the sentences. */
  readonly open: readonly string[]
  /** Names of what a route may or must set beside `preset`. */
  readonly parameters: ReturnType<typeof presetParameters>
}

/** Every preset, in alphabetical order. */
export function allPresetFacts(): readonly PresetFacts[] {
  return presetNames().map((name) => presetFacts(name)).filter((facts) => facts !== undefined)
}

/** Undefined: there is none of this name. A parameter that has no default stands in capitals. */
export function presetFacts(name: string): PresetFacts | undefined {
  const parameters = presetParameters(name)
  const needed = Object.keys(parameters).filter((key) => parameters[key]?.default === undefined)
  const resolved = resolvePreset(name, Object.fromEntries(needed.map((key) => [key, key.toUpperCase()])))
  if (resolved === undefined) return undefined
  if (!('document' in resolved)) throw new Error(`preset ${name} cannot be described: ${resolved.invalid ?? resolved.missing.join(', ')}`)
  const { document } = resolved
  const { algorithms, keys, covers } = document.verifier === undefined ? signatureFacts(document) : verifierFacts(document.verifier)
  const strength = strengthOf(algorithms)
  const signs = strength === 'token' ? [] : signsOf(document, covers)
  return { name, document, strength, algorithms, keys, signs, open: openOf(document, signs, algorithms), parameters }
}

function signsOf(document: SchemeDocument, covers: readonly Covered[]): readonly Covered[] {
  const { timestamped, signsId } = schemeFacts(document)
  return parts.filter((part) => covers.includes(part) || (part === 'time' && timestamped) || (part === 'id' && signsId))
}

/** Of several signatures the weakest counts: it is the one that an attacker would choose. */
function strengthOf(algorithms: readonly string[]): Strength {
  if (algorithms.includes('token')) return 'token'
  if (algorithms.some((name) => name.startsWith('hash-'))) return 'hash'
  return isShared(algorithms) ? 'hmac' : 'asymmetric'
}

function signatureFacts(document: SchemeDocument): VerifierFacts {
  const algorithms = [...new Set(signaturesOf(document).map((signature) => signature.algorithm))]
  return { algorithms, keys: keysOf(document), covers: coversOf(document) }
}

function keysOf(document: SchemeDocument): PresetFacts['keys'] {
  const all = signaturesOf(document).map(({ algorithm: name, key }) => {
    const kind = algorithm(name)?.keys ?? 'secret'
    const { form, prefix } = formOf(key, kind)
    return { under: kind === 'secret' ? 'secrets' as const : 'keys' as const, form: prefix === undefined ? form : `${form}, ${prefix}…` }
  })
  return all.filter(({ under, form }, at) => all.findIndex((other) => other.under === under && other.form === form) === at)
}

function coversOf(document: SchemeDocument): readonly Covered[] {
  const tokens = parseTemplate(document.message ?? '{body}')
  if ('mistake' in tokens) return []
  const holds = (...names: PlaceholderName[]) => names.some((name) => mentions(tokens, name))
  const covers: Covered[] = []
  if (holds('body', 'form-pairs', 'form-php:', 'form:')) covers.push('body')
  if (holds('url', 'url-base', 'target', 'path')) covers.push('url')
  return covers
}

function openOf({ timestamp, retired, signature }: SchemeDocument, signs: PresetFacts['signs'], algorithms: readonly string[]): readonly string[] {
  const open: string[] = []
  if (retired === true) open.push('retired')
  if (algorithms.includes('token')) open.push('token only')
  else if (signs.includes('part of the body')) open.push('body in part')
  else if (!signs.includes('body')) open.push('body unsigned')
  if (!signs.includes('time')) open.push('no time')
  if (timestamp !== undefined && timestamp.past === undefined) open.push('no tolerance')
  if (!signs.includes('id')) open.push('no id')
  if (algorithms.some((name) => name.includes('sha1'))) open.push('SHA-1')
  if (algorithms.some((name) => name.includes('md5'))) open.push('MD5')
  const inSight = [signature ?? []].flat().some((place) => place.query !== undefined || (isInBody(place) && place.algorithm === 'token'))
  if (inSight) open.push('lands in logs')
  return open
}
