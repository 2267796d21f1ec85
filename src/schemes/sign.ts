import { Headers } from '../core/headers.ts'
import type { Instant } from '../core/units.ts'
import type { SchemeDocument } from './document.ts'
import { bytesOf, utf8 } from './encoding.ts'
import { privateKey, secretKey } from './keys.ts'
import { isNoMessage } from './message.ts'
import { planScheme, type Place, type Report, type SchemePlan } from './plan.ts'
import { spell } from './proof.ts'
import { Reading } from './reading.ts'
import { isInBody } from './source.ts'
import { formatTime } from './time-text.ts'

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
}

export type Sign = (unsigned: Unsigned) => Stamp

/**
 * A document and one secret, or one private key, → the sender's side. Signs with the first signature of the document that
 * uses keys of this kind. Undefined once a problem was reported; a signature inside the body, or inside JSON, cannot be put there.
 */
export function compileSign(
  document: SchemeDocument, written: Uint8Array, kind: 'secret' | 'public', publicUrl: string | undefined, report: Report,
): Sign | undefined {
  const plan = planScheme(document, publicUrl, report)
  const signature = plan?.signatures.find(({ algorithm }) => algorithm.keys === kind)
  if (plan === undefined) return undefined
  if (signature === undefined || isInBody(signature.source) || signature.source.json !== undefined) {
    report({ path: [], what: 'the signature of this scheme stands inside the body or inside JSON, or takes no such key', mend: 'give a signed request instead' })
    return undefined
  }
  const key = kind === 'secret' ? secretKey(signature.form, written) : privateKey(signature.form, written)
  if ('unusable' in key) {
    report({ path: [], what: `the key ${key.unusable}`, mend: `give it as the sender does (${signature.form.form})` })
    return undefined
  }
  return (unsigned) => {
    const texts = new Map<Place, string>(outside(plan, unsigned, document))
    const stamped = assemble(texts)
    const query = joinQuery(unsigned.query, stamped.query)
    const headers = new Headers([...unsigned.headers, ...stamped.headers])
    const reading = new Reading({ ...unsigned, query, headers }, plan.tree)
    reading.timestamp = textFor(plan.timestamp, texts, reading)
    reading.id = textFor(plan.id, texts, reading)
    reading.keyId = unsigned.keyId
    const message = plan.build(reading)
    if (isNoMessage(message)) throw new Error(`cannot sign: ${String(message.facts['where'])} ${String(message.facts['why'])}`)
    texts.set(signature, spell(signature.algorithm, signature.document.encoding, message, key))
    return assemble(texts)
  }
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
  for (const [{ source }, text] of texts) {
    const whole = `${source.prefix ?? ''}${text}`
    if (source.query !== undefined) query.push(`${encodeURIComponent(source.query)}=${escapeBytes(whole)}`)
    const name = source.header ?? (source.numbered && `${source.numbered}1`)
    if (name === undefined) continue
    const items = headers.get(name) ?? []
    items.push({ position: source.position === 'rest' ? 99 : source.position ?? 50, text: whole, list: source.list ?? ',' })
    headers.set(name, items)
  }
  const lines = [...headers].flatMap(([name, items]) => [name, joinItems(items)])
  return { headers: lines, query: query.length === 0 ? undefined : query.join('&') }
}

function joinItems(items: readonly { readonly position: number; readonly text: string; readonly list: string }[]): string {
  return [...items].sort((one, other) => one.position - other.position).map(({ text }) => text).join(items[0]?.list)
}

function joinQuery(first: string | undefined, second: string | undefined): string | undefined {
  return first === undefined || second === undefined ? first ?? second : `${first}&${second}`
}

/** All but the letters, digits and marks that a URL never needs to escape (RFC 3986 section 2.3). */
function escapeBytes(text: string): string {
  return [...bytesOf(text)].map((byte) => {
    const letter = String.fromCharCode(byte)
    return /[A-Za-z0-9._~-]/.test(letter) ? letter : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }).join('')
}
