import { crc32c } from '../../src/addresses/crc32c.ts'

/** PROXY protocol headers, as a balancer writes them. */

export function version1(source: string, destination = source, ports = '4711 443'): Buffer {
  return Buffer.from(`PROXY TCP${source.includes(':') ? 6 : 4} ${source} ${destination} ${ports}\r\n`, 'latin1')
}

export interface Version2 {
  readonly command?: number
  readonly family?: number
  /** Addresses and ports. */
  readonly block?: Uint8Array
  readonly vectors?: readonly Uint8Array[]
  /** `right`: a CRC32C vector is put behind the others; `wrong`: one that does not hold. */
  readonly checksum?: 'none' | 'right' | 'wrong'
  /** Stated in place of the true length. */
  readonly length?: number
}

export const opening = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

export function version2(given: Version2 = {}): Buffer {
  const checksum = given.checksum ?? 'none'
  const block = given.block ?? block4([192, 0, 2, 7], [198, 51, 100, 1])
  const vectors = [...(given.vectors ?? []), ...(checksum === 'none' ? [] : [vector(0x03, new Uint8Array(4))])]
  const rest = Buffer.concat([block, ...vectors])
  const fixed = Buffer.from([given.command ?? 0x21, given.family ?? 0x11, 0, 0])
  fixed.writeUInt16BE(given.length ?? rest.length, 2)
  const header = Buffer.concat([opening, fixed, rest])
  if (checksum !== 'none') header.writeUInt32BE((crc32c(header) + (checksum === 'wrong' ? 1 : 0)) >>> 0, header.length - 4)
  return header
}

export function vector(type: number, value: Uint8Array): Buffer {
  const head = Buffer.from([type, 0, 0])
  head.writeUInt16BE(value.length, 1)
  return Buffer.concat([head, value])
}

export function block4(source: readonly number[], destination: readonly number[]): Buffer {
  return Buffer.from([...source, ...destination, 0x12, 0x67, 0x01, 0xbb])
}
