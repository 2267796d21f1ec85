import type { Address } from '../core/delivery.ts'
import { addressFromBytes, parseAddress } from './address.ts'
import { crc32c } from './crc32c.ts'

/**
 * The PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt): one header in front of everything else, by
 * which a balancer tells whose connection it hands on.
 */

/** What the bytes so far are. `more`: a header's beginning; `invalid`: nothing that follows can make them a header. */
export type ProxyReading = ProxyHeader | { readonly state: 'more' } | { readonly state: 'invalid'; readonly why: string }

export interface ProxyHeader {
  readonly state: 'header'
  /** Bytes that the header takes; the sender's own bytes begin behind them. */
  readonly length: number
  /** Whose connection it is; undefined where the balancer speaks for itself (LOCAL) or does not say (UNKNOWN, UNSPEC, UNIX). */
  readonly source: Address | undefined
  readonly destination: Address | undefined
}

const more = { state: 'more' } as const
const invalid = (why: string) => ({ state: 'invalid', why }) as const

const opening1 = Buffer.from('PROXY ', 'latin1')
const opening2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

/**
 * Reads the header at the beginning of these bytes: all bytes that the connection gave so far. Pure, so that it may be
 * asked again with more of them. An answer other than `more` stays what it is, whatever follows.
 */
export function readProxyHeader(bytes: Uint8Array): ProxyReading {
  if (begins(bytes, opening2)) return bytes.length < 16 ? readFixed(bytes) : readVersion2(bytes)
  if (begins(bytes, opening1)) return readVersion1(bytes)
  return invalid('no PROXY header')
}

/** As far as both go, are they the same? */
function begins(bytes: Uint8Array, opening: Uint8Array): boolean {
  const length = Math.min(bytes.length, opening.length)
  return Buffer.compare(bytes.subarray(0, length), opening.subarray(0, length)) === 0
}

/** Version 1: one line of text, its line end included never longer than this. */
const longestLine = 107
const lineFeed = 0x0a
const carriageReturn = 0x0d

function readVersion1(bytes: Uint8Array): ProxyReading {
  const end = bytes.subarray(0, longestLine).indexOf(lineFeed)
  if (end === -1) return bytes.length < longestLine ? more : invalid('the line is longer than 107 bytes')
  if (bytes[end - 1] !== carriageReturn) return invalid('the line does not end in CR LF')
  const line = Buffer.from(bytes.subarray(0, end - 1)).toString('latin1')
  const length = end + 1
  if (line === 'PROXY UNKNOWN' || line.startsWith('PROXY UNKNOWN ')) return unspecified(length)
  const found = /^PROXY TCP([46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})$/.exec(line)
  if (found === null) return invalid('the line is malformed')
  const [, family, from, to, fromPort, toPort] = found as unknown as readonly string[]
  if (Number(fromPort) > 65_535 || Number(toPort) > 65_535) return invalid('a port is larger than 65535')
  const source = addressOfFamily(from, family)
  const destination = addressOfFamily(to, family)
  if (source === undefined || destination === undefined) return invalid('an address is malformed or of the other family')
  return { state: 'header', length, source, destination }
}

function addressOfFamily(text = '', family = ''): Address | undefined {
  return text.includes(':') === (family === '6') ? parseAddress(text) : undefined
}

function unspecified(length: number): ProxyHeader {
  return { state: 'header', length, source: undefined, destination: undefined }
}

/** Version 2, once its opening is there: version and command, family, and how long the rest is. */
const fixed = 16
const local = 0x20
const proxy = 0x21

/** Bytes of the address block, by family and transport. Datagrams do not come by a TCP connection. */
const blocks = new Map([[0x00, 0], [0x11, 12], [0x21, 36], [0x31, 216]])

/** What can be refused before all 16 fixed bytes are there. */
function readFixed(bytes: Uint8Array): ProxyReading {
  return wrongFixed(bytes[12], bytes[13]) ?? more
}

function wrongFixed(command: number | undefined, family: number | undefined): ProxyReading | undefined {
  if (command !== undefined && command !== local && command !== proxy) return invalid('unknown version or command')
  if (command === proxy && family !== undefined && !blocks.has(family)) return invalid('unknown family or transport')
  return undefined
}

function readVersion2(bytes: Uint8Array): ProxyReading {
  const [command, family] = [bytes[12] as number, bytes[13] as number]
  const wrong = wrongFixed(command, family)
  if (wrong !== undefined) return wrong
  const length = fixed + readUint16(bytes, 14)
  const block = blocks.get(family) ?? 0
  if (command === proxy && length < fixed + block) return invalid('the header is shorter than its addresses')
  if (bytes.length < length) return more
  if (command === local || family === 0x00) return unspecified(length)
  const header = bytes.subarray(0, length)
  const trouble = checkVectors(header, fixed + block)
  if (trouble !== undefined) return invalid(trouble)
  return family === 0x31 ? unspecified(length) : { state: 'header', length, ...readAddresses(header.subarray(fixed, fixed + block)) }
}

/** Source, destination, and both ports, which nobody asks for. */
function readAddresses(block: Uint8Array): { readonly source: Address; readonly destination: Address } {
  const width = (block.length - 4) / 2
  return { source: addressFromBytes(block.subarray(0, width)), destination: addressFromBytes(block.subarray(width, width * 2)) }
}

const checksumType = 0x03

/** Type-length-values behind the addresses fill the rest exactly; a CRC32C among them holds. What is wrong, or undefined. */
function checkVectors(header: Uint8Array, start: number): string | undefined {
  let checksum: number | undefined
  for (let at = start; at < header.length;) {
    if (at + 3 > header.length) return 'a TLV is cut off'
    const end = at + 3 + readUint16(header, at + 1)
    if (end > header.length) return 'a TLV is longer than the header'
    if (header[at] === checksumType) {
      if (checksum !== undefined || end - at !== 7) return 'the CRC32C is malformed'
      checksum = at + 3
    }
    at = end
  }
  return checksum === undefined || checksumHolds(header, checksum) ? undefined : 'the CRC32C is wrong'
}

/** The checksum is made over the whole header with its own four bytes zero. */
function checksumHolds(header: Uint8Array, at: number): boolean {
  const copy = Uint8Array.from(header).fill(0, at, at + 4)
  const stated = new DataView(header.buffer, header.byteOffset + at, 4).getUint32(0)
  return crc32c(copy) === stated
}

function readUint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}
