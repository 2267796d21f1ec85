import type { KeyObject } from 'node:crypto'
import { Headers } from '../core/headers.ts'
import type { Instant } from '../core/units.ts'
import type { SchemeDocument } from './document.ts'
import { bytesOf, utf8 } from './encoding.ts'
import { privateKey, secretKey } from './keys.ts'
import { isNoMessage } from './message.ts'
import { planScheme, type Place, type Report, type SchemePlan, type SignaturePlan } from './plan.ts'
import { spell } from './proof.ts'
import { Reading } from './reading.ts'
import { setJson, writeBody, type Entry } from './sign-body.ts'
import { isInBody, sourceSchema, type Source } from './source.ts'
import { parseTemplate, type PlaceholderName } from './template-text.ts'
import { formatTime } from './time-text.ts'
import { verifierOf } from './verifiers/index.ts'

/** Playing the sender: what is to be signed. */
export interface Unsigned {
  readonly method: string
  readonly path: string
  readonly query: string | undefined
  /** name, value, name, value … */
  readonly headers: readonly string[]
  readonly body: Uint8Array
  readonly at: Instant
  /** The delivery's id, for schemes that send one outside the body. */
  readonly id: string
  /** The sender's name for the key, for schemes that name keys. */
  readonly keyId?: string | undefined
}

/** What a sender adds to its delivery to sign it. */
export interface Stamp {
  /** name, value, name, value … */
  readonly headers: readonly string[]
  /** Put behind what is in the query already; undefined: nothing. */
  readonly query: string | undefined
  /** In place of the body, where the signature stands in it. */
  readonly body?: Uint8Array
  /** The texts that whoever tampers would change, as they stand in the request. */
  readonly marks?: Marks
}

export interface Marks {
  readonly signature: string
  /** The time as it was signed, and a second later. */
  readonly time?: { readonly signed: string; readonly later: string }
}

export type Sign = (unsigned: Unsigned) => Stamp

/**
 * A document and one secret, or one private key, → the sender's side. Signs with the first signature of the document that
 * uses keys of this kind, or as the built-in verifier's sender does. Undefined once a problem was reported.
 */
export function compileSign(
  document: SchemeDocument, written: Uint8Array, kind: 'secret' | 'public', publicUrl: string | undefined, report: Report,
): Sign | undefined {
  const { verifier } = document
  if (verifier !== undefined) {
    const row = verifierOf(verifier)
    return row.sign === undefined ? cannot(report, 'only the sender can sign: its certificate stands at its own host') : row.sign(verifier, { written, publicUrl, report })
  }
  const plan = planScheme(document, publicUrl, report)
  const signature = plan?.signatures.find(({ algorithm }) => algorithm.keys === kind)
  if (plan === undefined) return undefined
  if (signature === undefined) return cannot(report, 'this scheme takes no such key')
  const key = kind === 'secret' ? secretKey(signature.form, written) : privateKey(signature.form, written)
  if ('unusable' in key) {
    report({ path: [], what: `the key ${key.unusable}`, mend: `give it as the sender does (${signature.form.form})` })
    return undefined
  }
  return (unsigned) => signOne(document, { plan, signature, key }, unsigned)
}

function cannot(report: Report, what: string): undefined {
  report({ path: [], what, mend: 'give a signed request instead' })
}

interface Signer { readonly plan: SchemePlan; readonly signature: SignaturePlan; readonly key: KeyObject }

function signOne(document: SchemeDocument, { plan, signature, key }: Signer, given: Unsigned): Stamp {
  const inside = isInBody(signature.source)
  const lacking = inside || needsForm(document, given) || needsTime(plan, given)
  const body = lacking ? writeBody(given.body, insideTexts(document, plan, given, signature)) : given.body
  const unsigned = { ...given, body, headers: [...given.headers, ...missingHeaders(document, given)] }
  const texts = new Map<Place, string>(outside(plan, unsigned, document))
  const stamped = assemble(texts)
  const query = joinQuery(unsigned.query, stamped.query)
  const reading = new Reading({ ...unsigned, query, headers: new Headers([...unsigned.headers, ...stamped.headers]) }, plan.tree)
  reading.timestamp = textFor(plan.timestamp, texts, reading)
  reading.id = textFor(plan.id, texts, reading)
  reading.keyId = unsigned.keyId
  const message = plan.build(reading)
  if (isNoMessage(message)) throw new Error(`cannot sign: ${String(message.facts['where'])} ${String(message.facts['why'])}`)
  const proof = spell(signature.algorithm, signature.document.encoding, message, key)
  if (!inside) texts.set(signature, proof)
  const { headers, query: added } = assemble(texts)
  const whole = inside ? writeBody(body, [[signature.source, proof]]) : body
  return {
    headers: [...missingHeaders(document, given), ...headers], query: added, ...(whole === given.body ? {} : { body: whole }),
    marks: { signature: signature.source.decode === undefined ? proof : headers.at(-1) ?? proof, ...markTime(document, reading.timestamp, unsigned.at) },
  }
}

/** What a sender that signs inside the body has there besides: time, id, and what else it signs. */
function insideTexts(document: SchemeDocument, plan: SchemePlan, { at, id, body }: Unsigned, { source }: SignaturePlan): readonly Entry[] {
  const named = Object.values(document.fields ?? {}).filter(isInBody).map((source): Entry => [source, 'test'])
  const forms = templateNames(document, 'form:').map((form): Entry => [sourceSchema.parse({ form }), Buffer.from(body).toString('utf8')])
  const time: Entry[] = document.timestamp && isInBody(document.timestamp) ? [[document.timestamp, formatTime(at, document.timestamp.unit)]] : []
  const own: Entry[] = plan.id && plan.idIsPart && isInBody(plan.id.source) ? [[plan.id.source, id]] : []
  const texts = [...named, ...forms, ...time, ...own]
  // Its own place says what kind of body it is, where nothing else does.
  return texts.length === 0 && source.form !== undefined ? [[source, '']] : texts
}

/** Is a field of a form signed, and the body none? */
function needsForm(document: SchemeDocument, { body }: Unsigned): boolean {
  return templateNames(document, 'form:').length > 0 && /^\s*[{[]/.test(Buffer.from(body).toString('latin1'))
}

/** Is the time in the body, and the body without one? Everything else of a body is as it was given. */
function needsTime({ timestamp, tree }: SchemePlan, given: Unsigned): boolean {
  if (timestamp === undefined || !isInBody(timestamp.source)) return false
  const found = timestamp.read(new Reading({ ...given, headers: new Headers(given.headers) }, tree))
  return Array.isArray(found) && found.length === 0
}

/** Headers that are signed and not there: what the sender would have written, as far as the name tells. */
function missingHeaders(document: SchemeDocument, { headers, at, id }: Unsigned): readonly string[] {
  const there = new Set(headers.filter((_, place) => place % 2 === 0).map((name) => name.toLowerCase()))
  return templateNames(document, 'header:').filter((name) => !there.has(name.toLowerCase())).flatMap((name) => [name, likelyValue(name, at, id)])
}

function likelyValue(name: string, at: Instant, id: string): string {
  if (/date/i.test(name)) return formatTime(at, 'http-date')
  return /time/i.test(name) ? formatTime(at, 'seconds') : id
}

/** The arguments of placeholders that must be there. */
function templateNames({ message = '{body}', timestamp, id, keyId }: SchemeDocument, placeholder: PlaceholderName): readonly string[] {
  const tokens = parseTemplate(message)
  const stamped = [timestamp, id, keyId].map((source) => source?.header?.toLowerCase())
  return 'mistake' in tokens ? [] : tokens.flatMap((token) => (
    'name' in token && token.name === placeholder && token.absent === 'refused' && !stamped.includes(token.argument.toLowerCase()) ? [token.argument] : []
  ))
}

function markTime({ timestamp }: SchemeDocument, signed: string | undefined, at: Instant): Pick<Marks, 'time'> {
  return timestamp === undefined || signed === undefined ? {} : { time: { signed, later: formatTime(at + 1_000, timestamp.unit) } }
}

/** The texts that stand outside the body, but for the signature. */
function outside(plan: SchemePlan, { at, id, keyId }: Unsigned, { timestamp }: SchemeDocument): [Place, string][] {
  const texts: [Place, string][] = []
  if (plan.timestamp && timestamp && !isInBody(plan.timestamp.source)) texts.push([plan.timestamp, formatTime(at, timestamp.unit)])
  if (plan.id && !isInBody(plan.id.source)) texts.push([plan.id, utf8(id)])
  if (plan.keyId && keyId !== undefined && !isInBody(plan.keyId.source)) texts.push([plan.keyId, utf8(keyId)])
  for (const condition of plan.require) if (!isInBody(condition.source)) texts.push([condition, condition.equals[0] as string])
  return texts
}

function textFor(place: Place | undefined, texts: ReadonlyMap<Place, string>, reading: Reading): string | undefined {
  if (place === undefined) return undefined
  const found = texts.get(place) ?? place.read(reading)
  if (typeof found === 'string') return found
  return 'verdict' in found ? undefined : found[0]
}

/** Texts → headers and query; texts of one header become one list, in the order of their positions. */
function assemble(texts: ReadonlyMap<Place, string>): Stamp {
  const headers = new Map<string, { readonly position: number; readonly text: string; readonly list: string }[]>()
  const query: string[] = []
  const inJson = new Map<string, { readonly value: unknown; readonly decode: Source['decode'] }>()
  for (const [{ source }, text] of texts) {
    if (source.header !== undefined && source.json !== undefined) {
      inJson.set(source.header, { value: setJson(inJson.get(source.header)?.value, [source, text]), decode: source.decode })
      continue
    }
    const whole = `${source.prefix ?? ''}${text}`
    if (source.query !== undefined) query.push(`${encodeURIComponent(source.query)}=${escapeBytes(whole)}`)
    const name = source.header ?? (source.numbered && `${source.numbered}1`)
    if (name === undefined) continue
    const items = headers.get(name) ?? []
    items.push({ position: source.position === 'rest' ? 99 : source.position ?? 50, text: whole, list: source.list ?? ',' })
    headers.set(name, items)
  }
  const lines = [
    ...[...headers].flatMap(([name, items]) => [name, joinItems(items)]),
    ...[...inJson].flatMap(([name, { value, decode }]) => [name, Buffer.from(JSON.stringify(value)).toString(decode ?? 'latin1')]),
  ]
  return { headers: lines, query: query.length === 0 ? undefined : query.join('&') }
}

function joinItems(items: readonly { readonly position: number; readonly text: string; readonly list: string }[]): string {
  return [...items].sort((one, other) => one.position - other.position).map(({ text }) => text).join(items[0]?.list)
}

function joinQuery(first: string | undefined, second: string | undefined): string | undefined {
  return first === undefined || second === undefined ? first ?? second : `${first}&${second}`
}

/** All but the letters, digits and marks that a URL never needs to escape (RFC 3986 section 2.3). */
export function escapeBytes(text: string): string {
  return [...bytesOf(text)].map((byte) => {
    const letter = String.fromCharCode(byte)
    return /[A-Za-z0-9._~-]/.test(letter) ? letter : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }).join('')
}
