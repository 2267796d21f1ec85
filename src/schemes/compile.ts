import type { SchemeDocument } from './document.ts'
import type { KeyFetcher } from './fetched-keys.ts'
import { decidingHeaders, type Report } from './plan.ts'
import { schemeFacts } from './scheme-facts.ts'
import type { SchemeKeys } from './scheme-keys.ts'
import { compileSigned, type Scheme } from './scheme.ts'
import { compileWatched } from './watched.ts'
import { verifierOf, type VerifierDocument } from './verifiers/index.ts'

export interface SchemeOptions {
  /** The URL as the sender knows it; needed where the URL is signed. */
  readonly publicUrl?: string | undefined
  /** Fetches keys, for schemes whose keys stand at a URL. Left out: none can be had, and such deliveries are undecidable. */
  readonly fetcher?: KeyFetcher
}

const noFetcher: KeyFetcher = { fetch: () => Promise.reject(new Error('no keys can be fetched here')) }

/**
 * A document of the scheme language and its keys → what judges deliveries. All mistakes of the operator go to `report`;
 * undefined once there was one.
 */
export function compileScheme(
  document: SchemeDocument, keys: SchemeKeys, options: SchemeOptions, report: Report,
): Scheme | undefined {
  const { verifier } = document
  if (verifier === undefined) return compileSigned(document, keys, options.publicUrl, report)
  const row = verifierOf(verifier)
  const tools = { keys, publicUrl: options.publicUrl, fetcher: options.fetcher ?? noFetcher, report }
  const verify = row.compile(verifier, tools)
  const watched = (): ReturnType<typeof compileWatched> => compileWatched((watch) => row.compile(verifier, { ...tools, fetcher: noFetcher, report: () => {}, watch }))
  return verify && { document, facts: schemeFacts(document), headers: headersOf(verifier), verify, inspect: undefined, watched }
}

/** Lower-case names of the headers that decide for a document; known without its keys. */
export function decidingHeadersOf(document: SchemeDocument): readonly string[] {
  return document.verifier === undefined ? decidingHeaders(document) : headersOf(document.verifier)
}

function headersOf(verifier: VerifierDocument): readonly string[] {
  return verifierOf(verifier).headers(verifier)
}
