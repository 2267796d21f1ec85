import { sign, type KeyObject } from 'node:crypto'

/**
 * A revocation list of any size, DER, in a moment: the builder of the `certs` command makes an object of each entry, which
 * takes minutes for a list of many megabytes.
 */
export interface LargeList {
  /** Of whoever issues it: the subject of its certificate, DER. */
  readonly issuer: Uint8Array
  /** A key on P-256. */
  readonly key: KeyObject
  /** The least that it is to hold, in bytes. */
  readonly bytes: number
  /** Serial numbers that stand at its end, hex. */
  readonly revoked?: readonly string[]
  /** Milliseconds since 1970. */
  readonly thisUpdate?: number
  readonly nextUpdate?: number
  readonly number?: number
}

const ecdsaSha256 = element(0x30, Buffer.from('06082a8648ce3d040302', 'hex'))

/** RFC 5280 5.1. Its serial numbers are of 16 bytes and begin with 7f; each entry is of 35 bytes. */
export function makeLargeList({ issuer, key, bytes, revoked = [], thisUpdate = Date.now() - 3_600_000, nextUpdate = Date.now() + 7 * 86_400_000, number = 1 }: LargeList): Buffer {
  const at = time(thisUpdate)
  const last = revoked.map((serial) => element(0x30, Buffer.concat([integer(Buffer.from(serial.padStart(serial.length + serial.length % 2, '0'), 'hex')), at])))
  const body = Buffer.concat([
    integer(Buffer.of(1)), ecdsaSha256, issuer, at, time(nextUpdate), element(0x30, Buffer.concat([entries(Math.ceil(bytes / 35), at), ...last])),
    element(0xa0, element(0x30, element(0x30, Buffer.concat([Buffer.from('0603551d14', 'hex'), element(0x04, integer(numberBytes(number)))])))),
  ])
  const signed = element(0x30, body)
  return element(0x30, Buffer.concat([signed, ecdsaSha256, element(0x03, Buffer.concat([Buffer.of(0), sign('sha256', signed, key)]))]))
}

/** The same, as lines of base64. */
export function pemOf(list: Uint8Array): string {
  const lines = Buffer.from(list).toString('base64').replaceAll(/.{64}/g, '$&\n')
  return `-----BEGIN X509 CRL-----\n${lines}\n-----END X509 CRL-----\n`
}

function entries(count: number, at: Buffer): Buffer {
  const one = element(0x30, Buffer.concat([integer(Buffer.alloc(16, 0x7f)), at]))
  const all = Buffer.alloc(count * one.length, one)
  for (let nth = 0; nth < count; nth++) all.writeUInt32BE(nth, nth * one.length + 8)
  return all
}

function element(tag: number, content: Uint8Array): Buffer {
  const { length } = content
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content])
  const digits = numberBytes(length)
  return Buffer.concat([Buffer.of(tag, 0x80 | digits.length), digits, content])
}

function integer(digits: Uint8Array): Buffer {
  return element(0x02, (digits[0] ?? 0) < 0x80 ? digits : Buffer.concat([Buffer.of(0), digits]))
}

function numberBytes(value: number): Buffer {
  const text = value.toString(16)
  return Buffer.from(text.length % 2 === 0 ? text : `0${text}`, 'hex')
}

/** UTCTime: until 2049. */
function time(at: number): Buffer {
  return element(0x17, Buffer.from(`${new Date(at).toISOString().replaceAll(/[-:T]|\.\d+/g, '').slice(2)}`, 'latin1'))
}
