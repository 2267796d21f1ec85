import { Headers } from '../../src/core/headers.ts'
import { signaturesOf } from '../../src/schemes/plan.ts'
import type { Verifiable } from '../../src/schemes/reading.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'
import { isInBody, jsonPath } from '../../src/schemes/source.ts'

/** A good delivery, spoilt in every way that a sender or an attacker could: each must be refused. */
type Spoil = (delivery: Verifiable, scheme: Scheme) => readonly [string, Verifiable][]

const change = (text: string, at: number) => text.slice(0, at) + (text[at]?.toLowerCase() === 'a' ? 'B' : 'A') + text.slice(at + 1)
const withHeader = (delivery: Verifiable, index: number, value: string): Verifiable => {
  const raw = [...delivery.headers.raw]
  raw[index * 2 + 1] = value
  return { ...delivery, headers: new Headers(raw) }
}

/** Each header that decides: changed, cut, emptied, doubled, gone. */
const spoilHeaders: Spoil = (delivery, scheme) => delivery.headers.names.flatMap((name, index) => {
  if (!scheme.headers.includes(name)) return []
  const { raw } = delivery.headers
  const value = raw[index * 2 + 1] as string
  const line = [raw[index * 2] as string, value]
  const others = [...raw.slice(0, index * 2), ...raw.slice(index * 2 + 2)]
  return [
    [`${name} with another last letter`, withHeader(delivery, index, change(value, value.length - 1))],
    [`${name} with another first letter`, withHeader(delivery, index, change(value, 0))],
    [`${name} cut`, withHeader(delivery, index, value.slice(0, -1))],
    [`${name} longer`, withHeader(delivery, index, `${value}0`)],
    [`${name} empty`, withHeader(delivery, index, '')],
    [`${name} of one blank`, withHeader(delivery, index, ' ')],
    [`${name} twice`, { ...delivery, headers: new Headers([...raw, ...line]) }],
    [`${name} gone`, { ...delivery, headers: new Headers(others) }],
  ] as [string, Verifiable][]
})

/** The signature itself, spelled in ways that a lenient decoder takes for the same bytes. */
const spoilEncoding: Spoil = (delivery, scheme) => signaturesOf(scheme.document).flatMap((signature) => {
  const index = delivery.headers.names.indexOf((signature.header ?? signature.numbered?.concat('1') ?? '').toLowerCase())
  if (index === -1) return []
  const value = delivery.headers.raw[index * 2 + 1] as string
  const start = signature.position === undefined ? startOf(value, signature.prefix) : value.lastIndexOf(signature.list ?? '') + 1
  const with_ = (text: string) => withHeader(delivery, index, value.slice(0, start) + text)
  const proof = value.slice(start)
  const spoilt: [string, Verifiable][] = [
    ['white space inside', with_(`${proof.slice(0, 8)} ${proof.slice(8)}`)],
    ['a NUL behind', with_(`${proof}\u0000`)],
    ['text behind', with_(`${proof}zz`)],
    ['a line feed behind', with_(`${proof}\n`)],
    ['percent-escaped', with_(proof.replace(/^./, (letter) => `%${letter.charCodeAt(0).toString(16)}`))],
    ['quoted', with_(`"${proof}"`)],
    ['half of it', with_(proof.slice(0, proof.length >> 1))],
    ['with another letter of the alphabet beyond one byte', with_(String.fromCharCode(proof.charCodeAt(0) + 256) + proof.slice(1))],
    ['no prefix', withHeader(delivery, index, proof)],
    ['zeros', with_(proof.replace(/[0-9A-Za-z]/g, '0'))],
    ['twice in one', with_(proof + proof)],
  ]
  if (signature.encoding === 'base64') {
    spoilt.push(['no padding', with_(proof.replace(/=+$/, ''))], ['url alphabet', with_(Buffer.from(proof, 'base64').toString('base64url'))])
  }
  if (signature.encoding === 'hex') {
    spoilt.push(
      ['base64 for hex', with_(Buffer.from(proof, 'hex').toString('base64'))], ['an odd digit more', with_(`${proof}0`)],
      ['0x before', with_(`0x${proof}`)], ['bytes apart by colons', with_(proof.replace(/..(?=.)/g, '$&:'))],
    )
  }
  if (signature.encoding === 'base64' && proof.endsWith('=')) spoilt.push(['padding bits', with_(paddingBits(proof))])
  return spoilt.filter(([, { headers }]) => headers.raw[index * 2 + 1] !== value)
})

function startOf(value: string, prefix: string | undefined): number {
  return prefix === undefined ? 0 : value.indexOf(prefix) + prefix.length
}

/** The same bytes, with bits set that base64 does not use. */
function paddingBits(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  const last = text.replace(/=+$/, '').length - 1
  return text.slice(0, last) + alphabet[alphabet.indexOf(text[last] as string) + 1] + text.slice(last + 1)
}

/** A signature in the query: changed, cut, emptied, doubled, gone. */
const spoilQuery: Spoil = (delivery, { document }) => signaturesOf(document).flatMap(({ query: name }) => {
  const { query } = delivery
  if (name === undefined || query === undefined || !query.startsWith(`${name}=`)) return []
  const spoilt: Record<string, string | undefined> = {
    changed: change(query, query.length - 1), cut: query.slice(0, -1), longer: `${query}0`, empty: `${name}=`, twice: `${query}&${query}`,
    gone: undefined, 'not escaped right': `${query}%`, 'under another name': `x${query}`,
  }
  return Object.entries(spoilt).map(([how, changed]) => [`query ${name} ${how}`, { ...delivery, query: changed }] as [string, Verifiable])
})

/** What decides inside the body: changed, emptied, doubled, gone, of another type. */
const spoilFields: Spoil = (delivery, { document: { timestamp, id, fields = {}, ...document } }) => {
  const places = [...signaturesOf({ ...document, timestamp, id, fields }), timestamp, id, ...Object.values(fields)].filter((place) => place !== undefined)
  // An id that stands in a signed body may be missing: not every delivery of a sender has one.
  const signsId = /\{id[|}]/.test(document.message ?? '')
  return places.flatMap((place) => {
    if (!isInBody(place) || place.json === undefined || (place === id && !signsId)) return []
    const path = jsonPath(place)
    const text = jsonText(delivery, place.form)
    const key = JSON.stringify(path.at(-1))
    const spoilt: Record<string, string> = {
      changed: withField(text, path, (value) => `${String(value)}0`), empty: withField(text, path, () => ''),
      'of another type': withField(text, path, () => ({})), 'null': withField(text, path, () => null), gone: withField(text, path, () => undefined),
      twice: text.replace(`${key}:`, `${key}:"x",${key}:`),
    }
    return Object.entries(spoilt).map(([how, changed]): [string, Verifiable] => {
      const body = place.form === undefined ? changed : `${place.form}=${encodeURIComponent(changed)}`
      return [`field ${path.join('.')} ${how}`, { ...delivery, body: Buffer.from(body) }]
    })
  })
}

function jsonText({ body }: Verifiable, form: string | undefined): string {
  const text = Buffer.from(body).toString()
  return form === undefined ? text : new URLSearchParams(text).get(form) ?? ''
}

/** A JSON text with the value at a path changed; undefined takes the key away. */
function withField(text: string, path: readonly string[], change: (value: unknown) => unknown): string {
  return JSON.stringify(changedAt(JSON.parse(text) as unknown, path, change))
}

function changedAt(value: unknown, [key, ...rest]: readonly string[], change: (value: unknown) => unknown): unknown {
  if (key === undefined) return change(value)
  if (Array.isArray(value)) return value.map((item, at) => (String(at) === key ? changedAt(item, rest, change) : item as unknown))
  return Object.fromEntries(Object.entries(value as object).map(([name, item]) => [name, name === key ? changedAt(item, rest, change) : item as unknown]))
}

/** The body: one bit, one byte more, one less, none. Not for what says nothing about it. */
const spoilBody: Spoil = (delivery, scheme) => {
  if (!coversBody(scheme)) return []
  const { body } = delivery
  const flipped = Uint8Array.from(body)
  flipped[flipped.length - 1] = (flipped.at(-1) as number) ^ 1
  return [
    ['another bit in the body', { ...delivery, body: flipped }],
    ['a line feed behind the body', { ...delivery, body: Buffer.concat([body, Buffer.from('\n')]) }],
    ['a byte order mark before the body', { ...delivery, body: Buffer.concat([Buffer.from('efbbbf', 'hex'), body]) }],
    ['a body that lacks its end', { ...delivery, body: body.subarray(0, -1) }],
    ['no body', { ...delivery, body: new Uint8Array() }],
  ]
}

/** Does the message hold the body, or all that is in it? A token proves no message. */
function coversBody({ document }: Scheme): boolean {
  const token = signaturesOf(document).some(({ algorithm }) => algorithm === 'token')
  return !token && /\{(body|form-pairs|form-php:p_signature|form:payload)[|}]/.test(document.message ?? '{body}')
}

/** The clock of the gateway: beyond both edges of the tolerance. */
const spoilTime: Spoil = (delivery, { facts: { window } }) => (window === undefined ? [] : [
  ['too late', { ...delivery, at: delivery.at + window.past + 2000 }],
  ['too early', { ...delivery, at: delivery.at - window.future - 2000 }],
])

/** Every way, with its name. */
export function spoilt(delivery: Verifiable, scheme: Scheme): readonly [string, Verifiable][] {
  return [spoilHeaders, spoilEncoding, spoilQuery, spoilFields, spoilBody, spoilTime].flatMap((spoil) => spoil(delivery, scheme))
}
