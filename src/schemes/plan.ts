import type { KeyPath } from '../core/check.ts'
import { algorithm, algorithms } from './algorithms/index.ts'
import type { Algorithm } from './algorithms/algorithm.ts'
import type { SchemeDocument, SignatureDocument } from './document.ts'
import { compileOnly, compileSource, type ReadOnly, type ReadSource } from './extract.ts'
import { newTree, type JsonTree } from './json.ts'
import { formOf, type KeyForm } from './keys.ts'
import { compileMessage, type BuildMessage } from './message.ts'
import { compileProof, type Proves } from './proof.ts'
import { parsePublicUrl, type PublicUrl } from './public-url.ts'
import { headersOf, isInBody, nameOf, type Source } from './source.ts'
import { mentions, parseTemplate, type Token } from './template-text.ts'

/** A document of the scheme language, with every text in it parsed: what verifying and signing have in common. */
export interface SchemePlan {
  readonly signatures: readonly SignaturePlan[]
  readonly timestamp: Place | undefined
  readonly id: Place | undefined
  /** Is the id a text of its own in the message, so that there is no delivery without one? */
  readonly idIsPart: boolean
  readonly keyId: Place | undefined
  readonly require: readonly (Place & { readonly equals: readonly string[] })[]
  readonly build: BuildMessage
  readonly tree: JsonTree
  /** Lower-case names of the headers that decide. */
  readonly headers: readonly string[]
}

export interface SignaturePlan extends Place {
  readonly document: SignatureDocument
  readonly algorithm: Algorithm
  readonly form: KeyForm
  readonly proves: Proves
}

/** Somewhere in a delivery: its name for facts, and how it is read: all that stands there, or the one text. */
export interface Place { readonly source: Source; readonly name: string; readonly read: ReadSource; readonly only: ReadOnly }

/** An operator's mistake in `signature:`; the path starts below that key. */
export interface SchemeProblem { readonly path: KeyPath; readonly what: string; readonly mend: string }
export type Report = (problem: SchemeProblem) => void

/** The signatures of a document, always as a list. */
export function signaturesOf({ signature }: SchemeDocument): readonly SignatureDocument[] {
  if (signature === undefined) return []
  return Array.isArray(signature) ? signature as readonly SignatureDocument[] : [signature as SignatureDocument]
}

/** Undefined once a problem was reported. `publicUrl` is the text from the configuration. */
export function planScheme(document: SchemeDocument, publicUrl: string | undefined, report: Report): SchemePlan | undefined {
  const tokens = parseTemplate(document.message ?? '{body}')
  if ('mistake' in tokens) return void report({ path: ['scheme', 'message'], what: tokens.mistake, mend: 'write something like "{timestamp}.{body}"' })
  const url = planUrl(tokens, publicUrl, report)
  const sound = [checkPlaces(document, report), checkFields(document, tokens, report), checkCover(document, tokens, report)]
  if (url === 'wrong' || sound.includes('wrong')) return undefined
  const tree = newTree()
  const place = (source: Source): Place => {
    const read = compileSource(source, tree)
    return { source, name: nameOf(source), read, only: compileOnly(source, read) }
  }
  const fields = new Map(Object.entries(document.fields ?? {}))
  return {
    signatures: signaturesOf(document).map((signature) => planSignature(signature, place(signature))),
    timestamp: document.timestamp && place(document.timestamp),
    id: document.id && place(document.id),
    idIsPart: mentions(tokens, 'id'),
    keyId: document.keyId && place(document.keyId),
    require: (document.require ?? []).map((condition) => ({ ...place(condition), equals: condition.equals })),
    build: compileMessage(tokens, { tree, fields, publicUrl: url }),
    tree,
    headers: decidingHeaders(document),
  }
}

function planSignature(document: SignatureDocument, place: Place): SignaturePlan {
  const row = algorithm(document.algorithm) ?? (algorithms[0] as Algorithm)
  return { ...place, document, algorithm: row, form: formOf(document.key, row.keys), proves: compileProof(row, document.encoding) }
}

/** Every place that a document names. */
function sourcesOf(document: SchemeDocument): readonly Source[] {
  const { timestamp, id, keyId, require = [], fields = {} } = document
  return [...signaturesOf(document), timestamp, id, keyId, ...require, ...Object.values(fields)].filter((source) => source !== undefined)
}

/** Lower-case names of the headers that decide for a document. */
export function decidingHeaders(document: SchemeDocument): readonly string[] {
  const tokens = parseTemplate(document.message ?? '{body}')
  const named = 'mistake' in tokens ? [] : tokens.flatMap((token) => (
    'name' in token && token.name === 'header:' ? [token.argument.toLowerCase()] : []
  ))
  return [...new Set([...sourcesOf(document).flatMap(headersOf), ...named])]
}

function planUrl(tokens: readonly Token[], text: string | undefined, report: Report): PublicUrl | undefined | 'wrong' {
  const needed = (['url', 'url-base', 'host'] as const).some((name) => mentions(tokens, name))
  if (text === undefined && !needed) return undefined
  if (text === undefined) {
    report({ path: [], what: 'the sender signs its URL, and publicUrl is missing', mend: 'write publicUrl: the URL exactly as the sender was given it' })
    return 'wrong'
  }
  const url = parsePublicUrl(text)
  if (url !== undefined) return url
  report({ path: ['publicUrl'], what: `${JSON.stringify(text)} is no URL`, mend: 'write https://hooks.example.com/path, or https://hooks.example.com/* for any path' })
  return 'wrong'
}

const placeKeys = ['header', 'numbered', 'query', 'form', 'json'] as const

/** Each place is one place; `json` alone is in the body, beside another it reads the text there. */
function checkPlaces(document: SchemeDocument, report: Report): 'sound' | 'wrong' {
  const wrong = sourcesOf(document).find((source) => {
    const places = placeKeys.filter((key) => source[key] !== undefined)
    return places.length === 0 || places.length > 2 || (places.length === 2 && !places.includes('json'))
  })
  if (wrong === undefined) return 'sound'
  report({ path: ['scheme'], what: `${nameOf(wrong)} names no place, or several`, mend: 'write one of header, numbered, query, form, json' })
  return 'wrong'
}

function checkFields({ fields = {} }: SchemeDocument, tokens: readonly Token[], report: Report): 'sound' | 'wrong' {
  const unknown = tokens.find((token) => 'name' in token && token.name === 'field:' && !Object.hasOwn(fields, token.argument))
  if (unknown === undefined || 'literal' in unknown) return 'sound'
  report({ path: ['scheme', 'message'], what: `fields has no ${unknown.argument}`, mend: `say under fields where ${unknown.argument} stands` })
  return 'wrong'
}

/** A time or an id that the signature does not cover proves nothing: an attacker writes a new one. */
function checkCover(document: SchemeDocument, tokens: readonly Token[], report: Report): 'sound' | 'wrong' {
  const proves = signaturesOf(document).every(({ algorithm: name }) => name !== 'token')
  const bare = (['timestamp', 'id'] as const).filter((key) => {
    const source = document[key]
    if (source === undefined) return false
    const covered = mentions(tokens, key) || (isInBody(source) && mentions(tokens, 'body'))
    return !(covered && proves)
  })
  for (const key of bare) {
    report({ path: ['scheme', key], what: `the signature does not cover the ${key}`, mend: `put {${key}} into message, or leave ${key} out` })
  }
  return bare.length === 0 ? 'sound' : 'wrong'
}
