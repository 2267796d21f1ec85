import { withoutBlanks } from './blanks.ts'
import { mostPairs, type Pair } from './form.ts'

/**
 * `multipart/form-data` (RFC 7578), strictly, so that no other reader finds other fields: no preamble, no epilogue, CRLF alone ends a line, one
 * `Content-Disposition` a part, plain quoted names, nothing transfer-encoded. Linear and capped. Texts hold one character a byte.
 */

/** The boundary that a `Content-Type` names; `other`: it is of another type; undefined: it is of this one, and cannot be read in one way. */
export function boundaryOf(contentType: string): { readonly boundary: string } | 'other' | undefined {
  const [type = '', ...parameters] = contentType.split(';', 9)
  if (withoutBlanks(type).toLowerCase() !== 'multipart/form-data') return 'other'
  const named = parameters.map(withoutBlanks).filter((one) => one.slice(0, 8).toLowerCase() === 'boundary')
  const found = named.length === 1 ? /^[^=]{8}=(?:"([^"]{1,70})"|([^"]{1,70}))$/.exec(named[0] ?? '') : null
  const boundary = found?.[1] ?? found?.[2] ?? ''
  return /^[0-9A-Za-z'()+_,./:=?-]{1,70}$/.test(boundary) ? { boundary } : undefined
}

/** Fields in order, files left out; undefined where the body is not well formed, a name is a field's and a file's, or there are too many. */
export function parseMultipart(body: string, boundary: string): readonly Pair[] | undefined {
  const [opening, mark] = [`--${boundary}`, `\r\n--${boundary}`]
  const pairs: Pair[] = []
  const files = new Set<string>()
  if (!body.startsWith(`${opening}\r\n`)) return undefined
  let at = opening.length
  for (let count = 0; !isEnd(body, at); count += 1) {
    const end = body.indexOf(mark, at)
    const part = count === mostPairs || end === -1 || !body.startsWith('\r\n', at) ? undefined : parsePart(body, at + 2, end)
    if (part === undefined) return undefined
    if ('file' in part) files.add(part.file)
    else pairs.push(part.pair)
    at = end + mark.length
  }
  return pairs.some(([name]) => files.has(name)) ? undefined : pairs
}

/** `--`, and at most one line end, closes the whole. */
function isEnd(body: string, at: number): boolean {
  return body.startsWith('--', at) && (body.length === at + 2 || (body.length === at + 4 && body.endsWith('\r\n')))
}

const longestHead = 1024

function parsePart(body: string, start: number, end: number): { readonly pair: Pair } | { readonly file: string } | undefined {
  const head = body.slice(start, Math.min(end, start + longestHead))
  const split = head.indexOf('\r\n\r\n')
  const disposition = split === -1 ? undefined : dispositionOf(head.slice(0, split).split('\r\n'))
  if (disposition === undefined) return undefined
  return disposition.isFile ? { file: disposition.name } : { pair: [disposition.name, body.slice(start + split + 4, end)] }
}

/** What the header lines of a part say of it. A transfer encoding would mean other bytes than those that stand there. */
function dispositionOf(lines: readonly string[]): { readonly name: string; readonly isFile: boolean } | undefined {
  const headers = lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), withoutBlanks(line.slice(line.indexOf(':') + 1))] as const)
  const sound = lines.every((line) => /^[A-Za-z-]{1,40}:[\t\u0020-\u007e\u0080-\u00ff]*$/.test(line)) && headers.every(([name]) => name !== 'content-transfer-encoding')
  const own = headers.filter(([name]) => name === 'content-disposition')
  if (!sound || own.length !== 1) return undefined
  const found = /^form-data; ?name="([^"\\]*)"(; ?filename="[^"\\]*")?$/i.exec(own[0]?.[1] ?? '')
  return found === null || found[1] === '' ? undefined : { name: found[1] ?? '', isFile: found[2] !== undefined }
}
