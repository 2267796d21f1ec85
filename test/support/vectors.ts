import { readdirSync, readFileSync } from 'node:fs'
import { Headers } from '../../src/core/headers.ts'
import { checkTime } from '../../src/core/time-window.ts'
import { compileScheme } from '../../src/schemes/compile.ts'
import type { SchemeDocument } from '../../src/schemes/document.ts'
import type { SchemeProblem } from '../../src/schemes/plan.ts'
import { resolvePreset, type Parameters } from '../../src/schemes/presets.ts'
import type { Verifiable } from '../../src/schemes/reading.ts'
import type { SchemeKeys } from '../../src/schemes/scheme-keys.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'

/** A message that a sender, its SDK's tests or a standard published, with what came of it. */
export interface Vector {
  readonly name: string
  readonly source: string
  readonly algorithm: string
  readonly secret?: string | readonly string[]
  readonly secretEncoding?: string
  readonly publicKey?: string
  readonly keyId?: string
  readonly method: string
  readonly url: string
  /** A value may be a list: several lines, in order. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly bodyBase64: string
  /** The clock in Unix seconds; null where no time is checked. */
  readonly timestamp: number | null
  readonly expect: 'valid' | 'invalid'
  readonly invalidBecause?: string
}

const folder = new URL('../vectors/presets/', import.meta.url)

/** The providers that have vectors. */
export const providers: readonly string[] = readdirSync(folder).map((file) => file.replace('.json', ''))

export function vectorsOf(provider: string): readonly Vector[] {
  return JSON.parse(readFileSync(new URL(`${provider}.json`, folder), 'utf8')) as Vector[]
}

/** The preset, complete; throws where it is not. */
export function preset(name: string, parameters: Parameters = {}): SchemeDocument {
  const resolved = resolvePreset(name, parameters)
  if (resolved === undefined || !('document' in resolved)) throw new Error(`preset ${name}: ${JSON.stringify(resolved)}`)
  return resolved.document
}

/** The scheme, or what the operator would be told. */
export function compiled(
  document: SchemeDocument, keys: Partial<SchemeKeys>, publicUrl?: string,
): { readonly scheme: Scheme | undefined; readonly problems: readonly SchemeProblem[] } {
  const problems: SchemeProblem[] = []
  const scheme = compileScheme(document, { secrets: [], keys: [], ...keys }, { publicUrl }, (problem) => problems.push(problem))
  return { scheme, problems }
}

/** Secrets or keys as they would be read from the operator's files. */
export function written(texts: readonly (string | Uint8Array)[], id?: string): SchemeKeys['secrets'] {
  return texts.map((text, index) => ({
    reference: `env:KEY_${index}`, id, bytes: typeof text === 'string' ? Buffer.from(text, 'utf8') : text, path: ['secrets', index],
  }))
}

export function keysOf({ secret, publicKey, keyId }: Vector): Partial<SchemeKeys> {
  const secrets = typeof secret === 'string' ? [secret] : secret ?? []
  return { secrets: written(secrets, keyId), keys: publicKey === undefined ? [] : written([publicKey], keyId) }
}

/** One message on its way in. */
export function deliveryOf({ method, url, headers, bodyBase64, timestamp }: Vector): Verifiable {
  const target = url.slice(url.indexOf('/', url.indexOf('//') + 2))
  const mark = target.indexOf('?')
  return {
    method,
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? undefined : target.slice(mark + 1),
    headers: new Headers(Object.entries(headers).flatMap(([name, value]) => [value].flat().flatMap((line) => [name, line]))),
    body: Buffer.from(bodyBase64, 'base64'),
    at: (timestamp ?? 0) * 1000,
  }
}

/** What signature and time together say: `signed`, or the reason of the refusal. */
export async function judge(scheme: Scheme, delivery: Verifiable): Promise<string> {
  const verdict = await scheme.verify(delivery)
  if (verdict.verdict === 'refuse') return verdict.reason
  const { window } = scheme.facts
  const at = verdict.gain.signed?.at
  return (window && at !== undefined ? checkTime(at, delivery.at, window) : undefined) ?? 'signed'
}
