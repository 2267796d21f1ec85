import type { SchemeDocument } from './document.ts'
import { decidingHeaders, type Report } from './plan.ts'
import type { SchemeKeys } from './scheme-keys.ts'
import { compileSigned, type Scheme } from './scheme.ts'

export interface SchemeOptions {
  /** The URL as the sender knows it; needed where the URL is signed. */
  readonly publicUrl?: string | undefined
}

/**
 * A document of the scheme language and its keys → what judges deliveries. All mistakes of the operator go to `report`;
 * undefined once there was one.
 */
export function compileScheme(
  document: SchemeDocument, keys: SchemeKeys, options: SchemeOptions, report: Report,
): Scheme | undefined {
  return compileSigned(document, keys, options.publicUrl, report)
}

/** Lower-case names of the headers that decide for a document; known without its keys. */
export function decidingHeadersOf(document: SchemeDocument): readonly string[] {
  return decidingHeaders(document)
}
