import type { Recorded, Unreadable } from './recorded.ts'

/**
 * A request as it was on the wire. Lines may end in LF, too, since people save such files with editors; the body is
 * taken byte for byte behind the first empty line.
 */
export function parseRawHttp(bytes: Uint8Array): Recorded | Unreadable {
  const buffer = Buffer.from(bytes)
  const end = endOfHead(buffer)
  if (end === undefined) return { unreadable: 'there is no empty line behind the headers' }
  const [line = '', ...lines] = buffer.subarray(0, end.head).toString('latin1').split(/\r?\n/)
  const found = /^([!-~]+) ([!-~\x80-\xff]+) HTTP\/([0-9]\.[0-9])$/.exec(line)
  if (found === null) return { unreadable: `the first line is no request line: ${JSON.stringify(line.slice(0, 80))}` }
  const headers = parseHeaders(lines)
  if (!Array.isArray(headers)) return headers
  const [, method = '', target = '', version = ''] = found
  return { method, target, version, rawHeaders: headers, ...readBody(buffer.subarray(end.body), headers) }
}

function endOfHead(buffer: Buffer): { readonly head: number; readonly body: number } | undefined {
  const crlf = buffer.indexOf('\r\n\r\n')
  const lf = buffer.indexOf('\n\n')
  if (crlf !== -1 && (lf === -1 || crlf < lf)) return { head: crlf, body: crlf + 4 }
  return lf === -1 ? undefined : { head: lf, body: lf + 2 }
}

function parseHeaders(lines: readonly string[]): string[] | Unreadable {
  const headers: string[] = []
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon < 1) return { unreadable: `this is no header line: ${JSON.stringify(line.slice(0, 80))}` }
    headers.push(line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, ''))
  }
  return headers
}

function readBody(bytes: Buffer, headers: readonly string[]): Pick<Recorded, 'body' | 'notes'> {
  const value = (name: string) => headers.find((_, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === name)
  if (value('transfer-encoding')?.toLowerCase() === 'chunked') return readChunks(bytes)
  const announced = value('content-length')
  if (announced === undefined || !/^[0-9]{1,15}$/.test(announced)) return { body: bytes, notes: [] }
  const length = Number(announced)
  if (bytes.length === length) return { body: bytes, notes: [] }
  const what = `Content-Length says ${length} bytes, the recording holds ${bytes.length}`
  if (bytes.length > length) return { body: bytes.subarray(0, length), notes: [`${what}: what is too much was left out`] }
  return { body: bytes, notes: [`${what}: the recording is not whole`] }
}

/** RFC 9112 §7.1; trailers are dropped, as on the wire. */
function readChunks(bytes: Buffer): Pick<Recorded, 'body' | 'notes'> {
  const chunks: Buffer[] = []
  let at = 0
  for (;;) {
    const end = bytes.indexOf('\r\n', at)
    const size = end === -1 ? undefined : /^([0-9A-Fa-f]{1,8})(;.*)?$/.exec(bytes.subarray(at, end).toString('latin1'))?.[1]
    if (size === undefined) return { body: Buffer.concat(chunks), notes: ['the chunks of the recording are not whole'] }
    const length = Number(`0x${size}`)
    if (length === 0) return { body: Buffer.concat(chunks), notes: [] }
    chunks.push(bytes.subarray(end + 2, end + 2 + length))
    at = end + 2 + length + 2
  }
}
