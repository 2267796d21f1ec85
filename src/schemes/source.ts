import { z } from 'zod'
import type { JsonPath } from './json.ts'

export const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/, 'is not a header name')

/** Where a text stands in a delivery, and which part of it is meant. */
export const sourceFields = {
  header: headerName.optional().describe('A header. It must stand once.'),
  numbered: headerName.optional().describe('Headers that end in a number: `X-DocuSign-Signature-` means `X-DocuSign-Signature-1`, `-2` and so on.'),
  query: z.string().min(1).optional().describe('A parameter of the query. It must stand once.'),
  form: z.string().min(1).optional().describe('A field of a form body, `application/x-www-form-urlencoded` or `multipart/form-data`. It must stand once.'),
  json: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).optional()
    .describe('A field of a JSON body: `data.id`, or a list of keys. Beside another place: of the JSON text found there.'),
  list: z.enum([',', ';', ' ']).optional().describe('What separates the items, where the text is a list. Blanks around an item do not count.'),
  prefix: z.string().min(1).optional()
    .describe('What stands before the value, such as `sha256=`. Items of a list that begin otherwise are passed over; other text that does is malformed.'),
  position: z.union([z.int().min(1), z.literal('rest')]).optional().describe('Which item of the list, from 1; `rest` is all but the first.'),
  most: z.int().min(1).max(100).default(16).describe('How many items or numbered headers are looked at; more are malformed.'),
  decode: z.enum(['base64', 'base64url']).optional().describe('How the text is spelled where JSON is read out of it.'),
}
export const sourceSchema = z.strictObject(sourceFields)
export type Source = z.output<typeof sourceSchema>

/** How a source is called in facts and problems: `header x-hub-signature-256`. */
export function nameOf(source: Source): string {
  if (source.header !== undefined) return `header ${source.header.toLowerCase()}`
  if (source.numbered !== undefined) return `headers ${source.numbered.toLowerCase()}1…`
  if (source.query !== undefined) return `query parameter ${source.query}`
  if (source.form !== undefined) return `form field ${source.form}`
  return `JSON field ${jsonPath(source).join('.')}`
}

/** Lower-case names of the headers that a source reads. */
export function headersOf(source: Source): readonly string[] {
  if (source.header !== undefined) return [source.header.toLowerCase()]
  const { numbered, most } = source
  return numbered === undefined ? [] : Array.from({ length: most }, (_, at) => `${numbered.toLowerCase()}${at + 1}`)
}

/** Is the text a field of the body, so that a signed body covers it? */
export function isInBody(source: Source): boolean {
  return source.header === undefined && source.numbered === undefined && source.query === undefined
}

/** The keys that lead to a JSON field. */
export function jsonPath({ json = [] }: Source): JsonPath {
  return typeof json === 'string' ? json.split('.') : json
}
