import type { SignatureDetail } from '../checks/signature.ts'
import { compileScheme } from '../schemes/compile.ts'
import type { SchemeDocument, SignatureDocument } from '../schemes/document.ts'
import type { Verifiable } from '../schemes/reading.ts'
import type { SchemeKeys } from '../schemes/scheme-keys.ts'

/** Something that is often meant otherwise, and what to say where the signature fits then. */
interface Guess {
  readonly says: string
  readonly delivery?: Verifiable
  readonly document?: SchemeDocument
  readonly keys?: SchemeKeys
  readonly publicUrl?: string
}

/**
 * Why a signature probably does not match: each usual mistake is tried, and those under which it would match are named.
 * One at a time; two mistakes at once are not found.
 */
export async function guessMistakes(detail: SignatureDetail, delivery: Verifiable, others: readonly OtherKeys[] = []): Promise<readonly string[]> {
  const { document } = detail.scheme
  const guesses = [
    ...bodyGuesses(delivery), ...encodingGuesses(document), ...algorithmGuesses(document), ...keyGuesses(document),
    ...secretGuesses(detail.keys), ...rotationGuesses(detail.keys, others), ...urlGuesses(detail.publicUrl, delivery),
  ]
  const fits = await Promise.all(guesses.map((guess) => wouldPass(guess, detail, delivery)))
  return guesses.flatMap(({ says }, at) => (fits[at] === true ? [says] : []))
}

async function wouldPass(guess: Guess, detail: SignatureDetail, delivery: Verifiable): Promise<boolean> {
  const { document = detail.scheme.document, keys = detail.keys, publicUrl = detail.publicUrl } = guess
  const scheme = compileScheme(document, keys, { publicUrl }, () => {})
  try {
    const verdict = await scheme?.verify(guess.delivery ?? delivery)
    return verdict?.verdict === 'pass'
  } catch {
    return false // a key that would have to be fetched: nothing is, here
  }
}

function bodyGuesses(delivery: Verifiable): Guess[] {
  const body = Buffer.from(delivery.body)
  const text = body.toString('utf8')
  const json = parseJson(text)
  const variants: [string, string][] = [
    ['the body ends in a line feed that was not signed', text.replace(/\r?\n$/, '')],
    ['the signed body ended in a line feed that is missing here', `${text}\n`],
    ['the line ends of the body were changed from LF to CRLF', text.replaceAll('\r\n', '\n')],
    ['the line ends of the body were changed from CRLF to LF', text.replaceAll(/\r?\n/g, '\r\n')],
    ...(json === undefined ? [] : [
      ['the body was parsed and printed again: compact JSON was signed', JSON.stringify(json)],
      ['the body was parsed and printed again: JSON with two blanks was signed', JSON.stringify(json, null, 2)],
      ['the body was parsed and printed again: JSON as Python prints it was signed', pythonJson(json)],
    ] satisfies [string, string][]),
  ]
  return variants.flatMap(([says, variant]) => (variant === text ? [] : [{ says, delivery: { ...delivery, body: Buffer.from(variant, 'utf8') } }]))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** `json.dumps` with its defaults: a blank behind `,` and `:`, non-ASCII escaped. */
function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`
  if (typeof value !== 'object' || value === null) return escapeNonAscii(JSON.stringify(value))
  return `{${Object.entries(value).map(([key, one]) => `${escapeNonAscii(JSON.stringify(key))}: ${pythonJson(one)}`).join(', ')}}`
}

function escapeNonAscii(text: string): string {
  return text.replace(/[\u0080-\uffff]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The document with each of its signatures changed. */
function changed(document: SchemeDocument, change: (signature: SignatureDocument) => SignatureDocument): SchemeDocument {
  const { signature } = document
  if (signature === undefined) return document
  return { ...document, signature: Array.isArray(signature) ? signature.map(change) : change(signature as SignatureDocument) }
}

function encodingGuesses(document: SchemeDocument): Guess[] {
  return (['hex', 'base64', 'base64url'] as const).map((encoding) => ({
    says: `the signature is written in ${encoding}, where the scheme asks for something else`,
    document: changed(document, (signature) => ({ ...signature, encoding })),
  })).filter((guess) => JSON.stringify(guess.document) !== JSON.stringify(document))
}

function algorithmGuesses(document: SchemeDocument): Guess[] {
  return (['hmac-sha1', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'] as const).map((algorithm) => ({
    says: `the sender signs with ${algorithm}`,
    document: changed(document, (signature) => (signature.algorithm.startsWith('hmac-') ? { ...signature, algorithm } : signature)),
  })).filter((guess) => JSON.stringify(guess.document) !== JSON.stringify(document))
}

function keyGuesses(document: SchemeDocument): Guess[] {
  const forms: [string, SignatureDocument['key']][] = [
    ['the secret is to be taken as it is written, not decoded', { form: 'text', atLeast: 1 }],
    ['the secret is to be decoded from base64', { form: 'base64', atLeast: 1 }],
    ['the secret is to be decoded from base64 behind `whsec_`', { form: 'base64', prefix: 'whsec_', atLeast: 1 }],
    ['the secret is to be decoded from hex', { form: 'hex', atLeast: 1 }],
  ]
  return forms.map(([says, key]) => ({ says, document: changed(document, (signature) => ({ ...signature, key })) }))
}

function secretGuesses(keys: SchemeKeys): Guess[] {
  const trimmed = keys.secrets.map((key) => ({ ...key, bytes: Buffer.from(Buffer.from(key.bytes).toString('latin1').trim(), 'latin1') }))
  const withLineFeed = keys.secrets.map((key) => ({ ...key, bytes: Buffer.concat([key.bytes, Buffer.from('\n')]) }))
  const stray = trimmed.some((key, at) => key.bytes.length !== keys.secrets[at]?.bytes.length)
  return [
    ...(stray ? [{ says: 'the secret has white space around it that does not belong to it', keys: { ...keys, secrets: trimmed } }] : []),
    { says: 'the sender’s secret ends in a line feed', keys: { ...keys, secrets: withLineFeed } },
  ]
}

/** The secrets and keys of another route. */
export interface OtherKeys { readonly route: string; readonly keys: SchemeKeys }

/** The right secret is known, under another name or at another route. */
function rotationGuesses(keys: SchemeKeys, others: readonly OtherKeys[]): Guess[] {
  const all = [...keys.secrets, ...keys.keys]
  const named = all.filter(({ id }) => id !== undefined)
  const renamed = named.flatMap((key) => named.filter((other) => other !== key).map((other) => ({
    says: `it is signed with ${key.reference}, and names the key ${String(other.id)}`,
    keys: { secrets: keys.secrets.includes(key) ? [{ ...key, id: other.id }] : [], keys: keys.keys.includes(key) ? [{ ...key, id: other.id }] : [] },
  })))
  const elsewhere = others.flatMap(({ route, keys: theirs }) => [...theirs.secrets.map((key) => ({
    says: `it is signed with ${key.reference} of the route ${route}`, keys: { secrets: [key], keys: [] },
  })), ...theirs.keys.map((key) => ({ says: `it is signed with ${key.reference} of the route ${route}`, keys: { secrets: [], keys: [key] } }))])
  return [...renamed, ...elsewhere]
}

/** Behind a proxy the URL looks different from what the sender was given. */
function urlGuesses(publicUrl: string | undefined, { headers }: Verifiable): Guess[] {
  if (publicUrl === undefined || !URL.canParse(publicUrl.replace(/\*$/, ''))) return []
  const url = new URL(publicUrl.replace(/\*$/, ''))
  const star = publicUrl.endsWith('*') ? '*' : ''
  const host = headers.one('host')
  const variants = [
    withUrl(url, (one) => { one.protocol = url.protocol === 'https:' ? 'http:' : 'https:' }),
    withUrl(url, (one) => { one.pathname = url.pathname.endsWith('/') ? url.pathname.slice(0, -1) : `${url.pathname}/` }),
    url.href.replace(url.host, `${url.hostname}:${url.protocol === 'https:' ? 443 : 80}`),
    ...(typeof host === 'string' ? [url.href.replace(url.host, host)] : []),
  ]
  return [...new Set(variants)].map((variant) => ({ says: `the sender knows the URL as ${variant}${star}`, publicUrl: variant + star }))
}

function withUrl(url: URL, change: (copy: URL) => void): string {
  const copy = new URL(url)
  change(copy)
  return copy.href
}
