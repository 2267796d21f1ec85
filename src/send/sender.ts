import { signaturesOf } from '../schemes/plan.ts'
import { nearestPresets, resolvePreset, type Parameters } from '../schemes/presets.ts'
import { algorithm } from '../schemes/algorithms/index.ts'
import { looksPrivate } from '../schemes/verifiers/verifier.ts'
import { compileSign, type Sign, type Stamp } from '../schemes/sign.ts'
import type { SchemeDocument } from '../schemes/document.ts'
import type { Instant } from '../core/units.ts'
import { tamper, type Tampering } from './tamper.ts'

/** Who is played: a preset and its secret, or private key, as the sender has it. */
export interface SenderSettings {
  readonly preset: string
  readonly parameters: Parameters
  readonly secret: Uint8Array
  /** The URL as the sender was given it. */
  readonly url: URL
}

/** One delivery to be signed. */
export interface Order {
  readonly method: string
  /** name, value, name, value … */
  readonly headers: readonly string[]
  readonly body: Uint8Array
  readonly at: Instant
  readonly id: string
  /** The sender's name for its key, for senders that name keys. */
  readonly keyId?: string | undefined
  readonly tamper: Tampering | undefined
}

/** A whole request, as it goes on the wire. */
export interface SignedRequest {
  readonly method: string
  readonly target: string
  readonly version: '1.1'
  /** name, value, name, value … with `Host` and `Content-Length`. */
  readonly rawHeaders: readonly string[]
  readonly body: Uint8Array
}

export interface SenderMistake { readonly mistake: string }

/** A preset and a secret → somebody who signs deliveries as that sender does; or what is wrong, in words. */
export function compileSender(settings: SenderSettings): ((order: Order) => SignedRequest | SenderMistake) | SenderMistake {
  const document = findDocument(settings)
  if ('mistake' in document) return document
  const problems: string[] = []
  const kind = kindOf(document, settings.secret)
  const sign = compileSign(document, settings.secret, kind, settings.url.href, ({ what, mend }) => problems.push(`${what}, ${mend}`))
  if (sign === undefined) return { mistake: problems.join('; ') }
  return (order) => {
    const stamp = stampOf(sign, settings.url, order)
    if ('mistake' in stamp) return stamp
    return tamper(assemble(settings.url, order, stamp), stamp, order.tamper)
  }
}

/** Where a scheme takes both, what was given says which. */
function kindOf(document: SchemeDocument, written: Uint8Array): 'secret' | 'public' {
  const kinds = new Set(signaturesOf(document).map((one) => algorithm(one.algorithm)?.keys))
  if (kinds.size === 2) return looksPrivate(written) ? 'public' : 'secret'
  return kinds.has('public') ? 'public' : 'secret'
}

function findDocument({ preset, parameters }: SenderSettings): SchemeDocument | SenderMistake {
  const resolved = resolvePreset(preset, parameters)
  if (resolved === undefined) {
    const near = nearestPresets(preset)
    return { mistake: `there is no preset ${preset}${near.length === 0 ? '' : `, did you mean ${near.join(', ')}`}; \`sallyport presets\` lists all` }
  }
  if ('document' in resolved) return resolved.document
  const { unknown, missing, invalid } = resolved
  const lacks = missing.length === 0 ? '' : `it needs ${missing.map((name) => `--set ${name}=…`).join(' ')}`
  return { mistake: `preset ${preset}: ${[lacks, unknown.map((name) => `it takes no ${name}`).join(', '), invalid ?? ''].filter(Boolean).join('; ')}` }
}

function stampOf(sign: Sign, url: URL, { method, headers, body, at, id, keyId }: Order): Stamp | SenderMistake {
  try {
    return sign({ method, path: url.pathname, query: url.search === '' ? undefined : url.search.slice(1), headers, body, at, id, keyId })
  } catch (error) {
    return { mistake: error instanceof Error ? error.message : String(error) }
  }
}

function assemble(url: URL, { method, headers, body: unsigned }: Order, stamp: Stamp): SignedRequest {
  const body = stamp.body ?? unsigned
  const query = [url.search.slice(1), stamp.query ?? ''].filter((part) => part !== '').join('&')
  const typed = headers.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'content-type')
  return {
    method, version: '1.1', target: query === '' ? url.pathname : `${url.pathname}?${query}`, body,
    rawHeaders: [
      'Host', url.host, ...(typed ? [] : ['Content-Type', stamp.body !== undefined && body[0] !== 0x7b ? 'application/x-www-form-urlencoded' : 'application/json']), 'Content-Length', String(body.length),
      ...headers, ...stamp.headers,
    ],
  }
}

/** The request as bytes. */
export function printRequest({ method, target, rawHeaders, body }: SignedRequest): Uint8Array {
  const lines = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1] ?? ''}`] : []))
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body])
}
