import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { secretPart, type Message, type Part } from './algorithms/algorithm.ts'
import { bytesOf, utf8, viewOf } from './encoding.ts'
import { compileOnly, compileSource, malformed, type Malformed } from './extract.ts'
import { joinPairs, sortedPairs } from './form.ts'
import type { JsonTree } from './json.ts'
import { serializeForm } from './php-form.ts'
import type { PublicUrl } from './public-url.ts'
import type { Reading } from './reading.ts'
import { nameOf, sourceSchema, type Source } from './source.ts'
import type { FilterName, Placeholder, Token } from './template-text.ts'

/** Tokens → a closure that says which bytes were signed. */
export type BuildMessage = (reading: Reading) => Message | Malformed

export interface MessageTools {
  readonly tree: JsonTree
  readonly fields: ReadonlyMap<string, Source>
  /** Checked before: present where a token needs it. */
  readonly publicUrl: PublicUrl | undefined
}

type ReadPart = (reading: Reading) => Part | Malformed

/** Adjacent texts become one part; the body is a part of its own and never copied. */
export function compileMessage(tokens: readonly Token[], tools: MessageTools): BuildMessage {
  const pieces = tokens.map((token) => compileToken(token, tools))
  return (reading) => {
    const message: Part[] = []
    let text = ''
    for (const read of pieces) {
      const piece = read(reading)
      if (typeof piece === 'string') {
        text += piece
        continue
      }
      if (isRefused(piece)) return piece
      if (text !== '') message.push(text)
      text = ''
      message.push(piece)
    }
    if (text !== '') message.push(text)
    return message
  }
}

/** Asks what it is not: looking for a key in an array of bytes is dear. */
function isRefused(piece: Part | Malformed): piece is Malformed {
  return typeof piece === 'object' && !(piece instanceof Uint8Array)
}

/** Is this a refusal, and no message? */
export function isNoMessage(message: Message | Malformed): message is Malformed {
  return !Array.isArray(message)
}

function compileToken(token: Token, tools: MessageTools): ReadPart {
  if ('literal' in token) {
    const literal = utf8(token.literal)
    return () => literal
  }
  const read = compilePlaceholder(token, tools)
  if (token.filters.length === 0) return read
  const filters = token.filters.map((name) => filterRows[name])
  return (reading) => {
    const piece = read(reading)
    if (typeof piece === 'symbol' || isRefused(piece)) return piece
    const bytes = typeof piece === 'string' ? bytesOf(piece) : viewOf(piece)
    return filters.reduce((value, filter) => filter(value), bytes).toString('latin1')
  }
}

const filterRows: Record<FilterName, (bytes: Buffer) => Buffer> = {
  md5: (bytes) => createHash('md5').update(bytes).digest(),
  sha1: (bytes) => createHash('sha1').update(bytes).digest(),
  sha256: (bytes) => createHash('sha256').update(bytes).digest(),
  sha512: (bytes) => createHash('sha512').update(bytes).digest(),
  hex: (bytes) => bytesOf(bytes.toString('hex')),
  base64: (bytes) => bytesOf(bytes.toString('base64')),
  base64url: (bytes) => bytesOf(bytes.toString('base64url')),
  crc32: (bytes) => bytesOf(String(crc32(bytes))),
  lower: (bytes) => bytesOf(asciiCase(bytes, (text) => text.toLowerCase())),
  upper: (bytes) => bytesOf(asciiCase(bytes, (text) => text.toUpperCase())),
}

/** Changes the case of ASCII letters only: other bytes are parts of characters. */
function asciiCase(bytes: Buffer, change: (text: string) => string): string {
  return bytes.toString('latin1').replace(/[A-Za-z]+/g, change)
}

function compilePlaceholder({ name, argument, absent }: Placeholder, tools: MessageTools): ReadPart {
  switch (name) {
    case 'body': return ({ delivery }) => delivery.body
    case 'secret': return () => secretPart
    case 'timestamp': return ({ timestamp }) => timestamp ?? malformed('timestamp', 'is missing')
    case 'id': return ({ id }) => id ?? malformed('id', 'is missing')
    case 'key-id': return ({ keyId }) => keyId ?? malformed('key id', 'is missing')
    case 'method': return ({ delivery }) => delivery.method
    case 'path': return ({ delivery }) => delivery.path
    case 'query': return ({ delivery }) => delivery.query ?? ''
    case 'target': return ({ delivery: { path, query } }) => (query === undefined ? path : `${path}?${query}`)
    case 'form-pairs': return formPairs
    case 'form-php:': return compilePhpForm(argument)
    case 'url': case 'url-base': case 'host': return compileUrl(name, tools.publicUrl)
    case 'field:': return compilePlace(tools.fields.get(argument) ?? sourceSchema.parse({}), absent, tools)
    default: return compilePlace(sourceSchema.parse({ [name.slice(0, -1)]: argument }), absent, tools)
  }
}

function compileUrl(name: 'url' | 'url-base' | 'host', url: PublicUrl | undefined): ReadPart {
  if (url === undefined) return () => malformed('public URL', 'is not configured')
  if (name === 'host') return () => url.host
  if (name === 'url-base') return ({ delivery }) => url.base(delivery.path)
  return ({ delivery }) => url.whole(delivery.path, delivery.query) ?? malformed('query', 'is not the one of the public URL')
}

function formPairs(reading: Reading): string | Malformed {
  const pairs = reading.form()
  return pairs === undefined ? malformed('form', 'is not well formed') : joinPairs(sortedPairs(pairs))
}

function compilePhpForm(without: string): ReadPart {
  return (reading) => {
    const pairs = reading.form()
    const text = pairs && serializeForm(pairs, without)
    return text ?? malformed('form', 'is not well formed, or is none that PHP keeps as it is')
  }
}

function compilePlace(source: Source, absent: 'empty' | 'refused', { tree }: MessageTools): ReadPart {
  const only = compileOnly(source, compileSource(source, tree))
  const missing = absent === 'empty' ? '' : malformed(nameOf(source), 'is missing')
  return (reading) => only(reading) ?? missing
}
