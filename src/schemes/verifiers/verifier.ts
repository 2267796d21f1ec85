import type { KeyObject } from 'node:crypto'
import { z, type ZodObject } from 'zod'
import type { Signed } from '../../core/delivery.ts'
import type { SchemeFacts } from '../../core/signing.ts'
import { pass, refuse, type Pass, type Refuse, type Verdict } from '../../core/verdict.ts'
import type { Message } from '../algorithms/algorithm.ts'
import type { KeyFetcher } from '../fetched-keys.ts'
import { formOf, privateKey, publicKey, secretKey, type KeyForm } from '../keys.ts'
import type { Report } from '../plan.ts'
import type { Spelling } from '../proof.ts'
import { parsePublicUrl, type PublicUrl } from '../public-url.ts'
import type { Verifiable } from '../reading.ts'
import type { PreparedKey, SchemeKeys, WrittenKey } from '../scheme-keys.ts'
import type { SignatureReason } from '../scheme.ts'
import type { Sign } from '../sign.ts'

/** A built-in verifier: what the scheme language cannot say, chosen by a preset and set by data. */
export interface Verifier<Z extends ZodObject = ZodObject> {
  /** Its settings; strict, with its name under `kind`. */
  readonly settings: Z
  /** Lower-case names of the headers that decide. */
  headers(settings: z.output<Z>): readonly string[]
  facts(settings: z.output<Z>): Pick<SchemeFacts, 'timestamped' | 'window' | 'signsId'>
  /** Undefined once a problem was reported. */
  compile(settings: z.output<Z>, tools: VerifierTools): Verify | undefined
  /** Plays the sender. Left out where nobody but the sender can: its certificate stands at its own host. Undefined once a problem was reported. */
  sign?(settings: z.output<Z>, tools: SignTools): Sign | undefined
}

export interface SignTools {
  /** The secret, or the private key, as the sender has it. */
  readonly written: Uint8Array
  readonly publicUrl: string | undefined
  readonly report: Report
}

/** Never throws for what a sender wrote. */
export type Verify = (delivery: Verifiable) => Verdict<SignatureReason> | Promise<Verdict<SignatureReason>>

export interface VerifierTools {
  readonly keys: SchemeKeys
  readonly publicUrl: string | undefined
  /** Fetches keys and certificates from the hosts that a verifier allows. */
  readonly fetcher: KeyFetcher
  readonly report: Report
  /** Hears what is looked at, for `explain`; left out where nobody listens. */
  readonly watch?: Watch
}

/** What a verifier looks at while it judges a delivery. */
export interface Watch {
  readonly signed: (looked: Looked) => void
  /** Two texts that must be the same: a digest, a claim. */
  readonly compared: (what: string, found: string, expected: string) => void
}

export interface Looked {
  readonly where: string
  /** A name of ours where it is known, for which secrets then tell what would be right. */
  readonly algorithm: string
  readonly spelling: Spelling
  readonly texts: readonly string[]
  readonly message: Message
  readonly timestamp?: string | undefined
  readonly id?: string | undefined
  readonly keys?: readonly PreparedKey[]
}

/** One text, or several of which any one will do. */
export const oneOrMore = z.union([z.string().min(1).transform((one) => [one]), z.array(z.string().min(1)).min(1)])

export function defineVerifier<Z extends ZodObject>(verifier: Verifier<Z>): Verifier<Z> {
  return verifier
}

/** A signature that holds, and what it proved. */
export function proven(signed: Signed): Pass {
  return pass({ key: signed.key }, { signed })
}

/** A refusal that says where and why, and never quotes. */
export function malformedAt(where: string, why: string): Refuse<'signature-malformed'> {
  return refuse('signature-malformed', { where, why })
}

/** The secrets as keys. Undefined once a problem was reported; none at all is a problem. */
export function secretsFor(tools: VerifierTools, form?: KeyForm): readonly PreparedKey[] | undefined {
  const { secrets } = tools.keys
  if (!checkPresent(tools, 'secrets')) return undefined
  return prepareAll(secrets, (written) => secretKey(formOf(form, 'secret'), written.bytes), tools.report)
}

/** The public keys. Undefined once a problem was reported; none at all is a problem. */
export function publicKeysFor(tools: VerifierTools, form?: KeyForm): readonly PreparedKey[] | undefined {
  if (!checkPresent(tools, 'keys')) return undefined
  return prepareAll(tools.keys.keys, (written) => publicKey(formOf(form, 'public'), written.bytes), tools.report)
}

function checkPresent({ keys, report }: VerifierTools, list: 'secrets' | 'keys'): boolean {
  if (keys[list].length > 0) return true
  report({ path: [], what: `${list} is missing or empty`, mend: `write ${list}: ["env:NAME"]` })
  return false
}

function prepareAll(
  written: readonly WrittenKey[], make: (written: WrittenKey) => KeyObject | { readonly unusable: string }, report: Report,
): readonly PreparedKey[] | undefined {
  const ready = written.flatMap((one) => {
    const key = make(one)
    if (!('unusable' in key)) return [{ reference: one.reference, id: one.id, object: key }]
    report({ path: one.path, what: `${one.reference} ${key.unusable}`, mend: 'give the key as the sender shows it' })
    return []
  })
  return ready.length === written.length ? ready : undefined
}

/** The secret of whoever plays the sender. Undefined once a problem was reported. */
export function ownSecret({ written, report }: SignTools, form?: KeyForm): KeyObject | undefined {
  return usable(secretKey(formOf(form, 'secret'), written), report)
}

/** The private key of whoever plays the sender. Undefined once a problem was reported. */
export function ownPrivateKey({ written, report }: SignTools, form?: KeyForm): KeyObject | undefined {
  return usable(privateKey(formOf(form, 'public'), written), report)
}

/** A PEM or a JWK with a private part; anything else is a secret. */
export function looksPrivate(written: Uint8Array): boolean {
  const text = Buffer.from(written).toString('latin1')
  return text.includes('PRIVATE KEY-----') || /^\s*\{[^]*"d"/.test(text)
}

function usable(key: KeyObject | { readonly unusable: string }, report: Report): KeyObject | undefined {
  if (!('unusable' in key)) return key
  return void report({ path: [], what: `the key ${key.unusable}`, mend: 'give it as the sender has it' })
}

/** The URL as the sender was given it, its query aside. */
export function ownUrl({ publicUrl, report }: SignTools): PublicUrl | undefined {
  const url = publicUrl === undefined ? undefined : parsePublicUrl(publicUrl.split('?', 1)[0] ?? '')
  return url ?? void report({ path: [], what: 'the sender signs its URL, and there is none', mend: 'give it' })
}

/** `publicUrl`, which this verifier cannot do without. Undefined once a problem was reported. */
export function urlFor({ publicUrl, report }: VerifierTools): PublicUrl | undefined {
  const url = publicUrl === undefined ? undefined : parsePublicUrl(publicUrl)
  if (url !== undefined) return url
  if (publicUrl === undefined) report({ path: [], what: 'the sender signs its URL, and publicUrl is missing', mend: 'write publicUrl: the URL exactly as the sender was given it' })
  else report({ path: ['publicUrl'], what: `${JSON.stringify(publicUrl)} is no URL`, mend: 'write https://hooks.example.com/path' })
  return undefined
}

/** A header that must stand once. */
export function headerOf({ headers }: Verifiable, name: string): string | Refuse<'signature-missing' | 'signature-malformed'> {
  const found = headers.one(name)
  if (found === undefined || found === '') return refuse('signature-missing', { where: `header ${name}` })
  return typeof found === 'string' ? found : malformedAt(`header ${name}`, 'stands there more than once')
}
