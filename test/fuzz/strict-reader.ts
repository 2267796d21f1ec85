/**
 * The requests that a strict reader finds in the bytes of a connection (RFC 9112), and where it stops: at the first byte
 * that two programs could take in two ways. It shares nothing with the gateway and nothing with Node's parser, so that
 * it can judge both: what reaches a receiver has to be a beginning of what is found here.
 */

export interface Found {
  readonly method: string
  readonly target: string
  readonly version: '1.0' | '1.1'
  /** name, value … in latin1, without the blanks around values. */
  readonly headers: readonly string[]
  readonly body: Buffer
  /** Nothing in it is unusual: whoever refuses it refuses an honest sender. */
  readonly isPlain: boolean
}

export interface Reading {
  readonly found: readonly Found[]
  /** `end`: nothing is left · `more`: a request is not whole · else what is wrong. */
  readonly stop: string
  /** How many bytes belong to the requests that were found. */
  readonly used: number
}

/** Reads until the end, or until something is in doubt; a request that closes the connection is the last one. */
export function readStrictly(bytes: Buffer): Reading {
  const found: Found[] = []
  let used = 0
  for (;;) {
    const cursor = new Cursor(bytes, used)
    try {
      const one = request(cursor)
      if (one === undefined) return { found, stop: 'end', used }
      found.push(one.found)
      used = cursor.at
      if (one.isLast) return { found, stop: 'end', used }
    } catch (doubt) {
      if (doubt instanceof Doubt) return { found, stop: doubt.message, used }
      throw doubt
    }
  }
}

class Doubt extends Error {}

class Cursor {
  readonly bytes: Buffer
  at: number
  isPlain = true

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes
    this.at = at
  }

  /** Up to CRLF; any other CR or LF is in doubt. */
  line(): string {
    for (let end = this.at; end < this.bytes.length; end++) {
      const byte = this.bytes[end]
      if (byte === 0x0a) throw new Doubt('bare LF')
      if (byte !== 0x0d) continue
      if (end + 1 === this.bytes.length) break
      if (this.bytes[end + 1] !== 0x0a) throw new Doubt('bare CR')
      const text = this.bytes.toString('latin1', this.at, end)
      this.at = end + 2
      return text
    }
    throw new Doubt('more')
  }

  take(count: number): Buffer {
    if (this.at + count > this.bytes.length) throw new Doubt('more')
    this.at += count
    return this.bytes.subarray(this.at - count, this.at)
  }
}

function request(cursor: Cursor): { readonly found: Found; readonly isLast: boolean } | undefined {
  if (cursor.at === cursor.bytes.length) return undefined
  let line = cursor.line()
  while (line === '') {
    // Empty lines before a request are to be ignored (§2.2); not every sender's next hop does.
    if (cursor.at === cursor.bytes.length) return undefined
    line = cursor.line()
  }
  const first = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP\/1\.([01])$/.exec(line)
  if (first === null) throw new Doubt('request line')
  const [, method = '', target = '', minor = ''] = first
  const headers = fieldLines(cursor)
  const version = minor === '0' ? '1.0' : '1.1'
  const body = bodyOf(cursor, method, version, headers)
  const connection = valuesOf(headers, 'connection').flatMap((value) => value.toLowerCase().split(',').map((option) => option.trim()))
  const isLast = connection.includes('close') || (version === '1.0' && !connection.includes('keep-alive'))
  return { found: { method, target, version, headers, body, isPlain: cursor.isPlain }, isLast }
}

function fieldLines(cursor: Cursor): string[] {
  const headers: string[] = []
  for (;;) {
    const line = cursor.line()
    if (line === '') return headers
    // Values: visible ASCII, blanks, tabs and what is beyond ASCII (§5.5); never a control byte.
    const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/.exec(line)
    if (field === null) throw new Doubt('field line')
    const value = (field[2] ?? '').replace(/[ \t]+$/, '')
    headers.push(field[1] ?? '', value)
  }
}

/** Every value of a header, by its lower-case name. */
export function valuesOf(headers: readonly string[], name: string): string[] {
  return headers.filter((_, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === name)
}

function bodyOf(cursor: Cursor, method: string, version: string, headers: readonly string[]): Buffer {
  const [hosts, lengths, encodings] = ['host', 'content-length', 'transfer-encoding'].map((name) => valuesOf(headers, name)) as [string[], string[], string[]]
  if (hosts.length > 1) throw new Doubt('two hosts')
  // To be refused (§3.2), and no doubt where it ends.
  if (hosts.length === 0) cursor.isPlain = false
  if (lengths.length + encodings.length > 1) throw new Doubt('two framings')
  const [length] = lengths
  const [encoding] = encodings
  if (encoding !== undefined && (version === '1.0' || encoding.toLowerCase() !== 'chunked')) throw new Doubt('transfer encoding')
  const hasBody = encoding !== undefined || (length !== undefined && length !== '0')
  if (hasBody && (method === 'GET' || method === 'HEAD')) throw new Doubt('a body where none belongs')
  if (encoding !== undefined) return chunks(cursor)
  if (length === undefined) return Buffer.alloc(0)
  if (!/^[0-9]+$/.test(length) || length.length > 15) throw new Doubt('content length')
  if (length.length > 1 && length.startsWith('0')) cursor.isPlain = false
  return cursor.take(Number(length))
}

function chunks(cursor: Cursor): Buffer {
  const parts: Buffer[] = []
  for (;;) {
    const size = /^([0-9A-Fa-f]+)([ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/.exec(cursor.line())
    if (size === null) throw new Doubt('chunk size')
    const digits = (size[1] ?? '').replace(/^0+(?=.)/, '')
    if (digits.length > 12) throw new Doubt('chunk size')
    if (size[2] !== undefined || digits !== size[1]) cursor.isPlain = false
    const length = Number.parseInt(digits, 16)
    if (length === 0) break
    parts.push(cursor.take(length))
    if (!cursor.take(2).equals(Buffer.from('\r\n'))) throw new Doubt('chunk end')
  }
  if (fieldLines(cursor).length > 0) cursor.isPlain = false
  return Buffer.concat(parts)
}
