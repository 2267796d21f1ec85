import fc from 'fast-check'
import t from 'tap'
import { crc32c } from '../../src/addresses/crc32c.ts'
import { readProxyHeader, type ProxyHeader } from '../../src/addresses/proxy-protocol.ts'
import { block4, opening, vector, version1, version2 } from '../support/proxy-header.ts'

const text = (line: string) => Buffer.from(line, 'latin1')
const block6 = (tail: number) => Buffer.concat([Buffer.from('20010db80000000000000000000000', 'hex'), Buffer.from([tail])])
const both6 = Buffer.concat([block6(1), block6(2), Buffer.from([0x12, 0x67, 0x01, 0xbb])])
const longest = 'PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n'

const good: [name: string, header: Buffer, source: string | undefined, destination: string | undefined][] = [
  ['1, IPv4', version1('192.0.2.7', '198.51.100.1'), '192.0.2.7', '198.51.100.1'],
  ['1, IPv6', version1('2001:db8::1', '2001:DB8::2'), '2001:db8::1', '2001:db8::2'],
  ['1, mapped', version1('::ffff:192.0.2.7', '::ffff:198.51.100.1'), '192.0.2.7', '198.51.100.1'],
  ['1, ports at the edges', version1('192.0.2.7', '198.51.100.1', '0 65535'), '192.0.2.7', '198.51.100.1'],
  ['1, unknown', text('PROXY UNKNOWN\r\n'), undefined, undefined],
  ['1, unknown with anything behind', text('PROXY UNKNOWN \0 what ever\r\r\n'), undefined, undefined],
  ['1, the longest', text(longest), undefined, undefined],
  ['2, IPv4', version2(), '192.0.2.7', '198.51.100.1'],
  ['2, IPv6', version2({ family: 0x21, block: both6 }), '2001:db8::1', '2001:db8::2'],
  ['2, mapped', version2({ family: 0x21, block: Buffer.concat([Buffer.from('00000000000000000000ffffc0000207', 'hex'), block6(2), Buffer.alloc(4)]) }), '192.0.2.7', '2001:db8::2'],
  ['2, UNIX', version2({ family: 0x31, block: Buffer.alloc(216, 'x') }), undefined, undefined],
  ['2, unspecified', version2({ family: 0x00, block: Buffer.alloc(0) }), undefined, undefined],
  ['2, unspecified with junk', version2({ family: 0x00, block: text('junk') }), undefined, undefined],
  ['2, local', version2({ command: 0x20, family: 0x00, block: Buffer.alloc(0) }), undefined, undefined],
  ['2, local: the addresses are not read', version2({ command: 0x20 }), undefined, undefined],
  ['2, local: the family is not read', version2({ command: 0x20, family: 0xff, block: text('junk') }), undefined, undefined],
  ['2, TLVs', version2({ vectors: [vector(0xea, text('vpce-1')), vector(0x04, Buffer.alloc(0)), vector(0x20, Buffer.alloc(300))] }), '192.0.2.7', '198.51.100.1'],
  ['2, checksum', version2({ vectors: [vector(0x02, text('name'))], checksum: 'right' }), '192.0.2.7', '198.51.100.1'],
  ['2, checksum not last', checksumFirst(), '192.0.2.7', '198.51.100.1'],
  ['2, the longest', version2({ vectors: [vector(0x04, Buffer.alloc(65_535 - 12 - 3))] }), '192.0.2.7', '198.51.100.1'],
]

function checksumFirst(): Buffer {
  const header = version2({ vectors: [vector(0x03, new Uint8Array(4)), vector(0x01, text('h2'))] })
  header.writeUInt32BE(crc32c(header), 16 + 12 + 3)
  return header
}

for (const [name, header, source, destination] of good) {
  const read = readProxyHeader(header) as ProxyHeader
  t.match({ ...read, source: read.source?.text, destination: read.destination?.text }, { state: 'header', length: header.length }, name)
  t.equal(read.source?.text, source, `${name}: source`)
  t.equal(read.destination?.text, destination, `${name}: destination`)
}

const bad: [name: string, bytes: Buffer, why: RegExp][] = [
  ['TLS', Buffer.from('160301', 'hex'), /^no PROXY header/],
  ['HTTP', text('POST / HTTP/1.1\r\n'), /^no PROXY header/],
  ['lower case', text('proxy TCP4'), /^no PROXY header/],
  ['a changed opening', Buffer.from('0d0a0d0a000d0a515549540d', 'hex'), /^no PROXY header/],
  ...[
    'PROXY TCP4 192.0.2.7 198.51.100.1 4711\r\n', 'PROXY TCP4 192.0.2.7 198.51.100.1 4711 443 \r\n', 'PROXY TCP4  192.0.2.7 198.51.100.1 4711 443\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 04711 443\r\n', 'PROXY TCP4 192.0.2.7 198.51.100.1 -1 443\r\n', 'PROXY TCP4 192.0.2.7 198.51.100.1 4711 443 1\r\n',
    'PROXY TCP5 192.0.2.7 198.51.100.1 4711 443\r\n', 'PROXY UDP4 192.0.2.7 198.51.100.1 4711 443\r\n', 'PROXY tcp4 192.0.2.7 198.51.100.1 4711 443\r\n',
    'PROXY TCP4 192.0.2.7\0 198.51.100.1 4711 443\r\n', 'PROXY TCP4 fe80::1%eth0 fe80::2 4711 443\r\n', 'PROXY \r\n', 'PROXY UNKNOWNS\r\n',
    'PROXY TCP4\t192.0.2.7\t198.51.100.1\t4711\t443\r\n', 'PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\r\n',
  ].map((line): [string, Buffer, RegExp] => [JSON.stringify(line), text(line), /^the line is malformed/]),
  ...[
    'PROXY TCP4 2001:db8::1 2001:db8::2 4711 443\r\n', 'PROXY TCP6 192.0.2.7 198.51.100.1 4711 443\r\n', 'PROXY TCP4 0192.0.2.7 198.51.100.1 4711 443\r\n',
    'PROXY TCP4 192.0.2 198.51.100.1 4711 443\r\n', 'PROXY TCP4 192.0.2.256 198.51.100.1 4711 443\r\n', 'PROXY TCP4 192.0.2.7 10 4711 443\r\n',
    'PROXY TCP6 :: 1:2 4711 443\r\n',
  ].map((line): [string, Buffer, RegExp] => [JSON.stringify(line), text(line), /^an address is malformed/]),
  ['port 65536', version1('192.0.2.7', '198.51.100.1', '65536 443'), /^a port/],
  ['a bare line feed', text('PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\n'), /^the line does not end in CR LF/],
  ['no line end', text(`PROXY UNKNOWN ${'x'.repeat(93)}`), /^the line is longer/],
  ['one byte too long', text(longest.replace('\r\n', '0\r\n')), /^the line is longer/],
  ['version 1 in the frame of 2', Buffer.concat([opening, Buffer.from([0x11])]), /^unknown version/],
  ['version 3', Buffer.concat([opening, Buffer.from([0x31])]), /^unknown version/],
  ['an unknown command', version2({ command: 0x22 }), /^unknown version or command/],
  ['an unknown family', version2({ family: 0x41 }), /^unknown family/],
  ['datagrams', version2({ family: 0x12 }), /^unknown family/],
  ['no transport', version2({ family: 0x10 }), /^unknown family/],
  ['shorter than its addresses', version2({ length: 11 }), /^the header is shorter/],
  ['IPv4 said to be IPv6', version2({ family: 0x21 }), /^the header is shorter/],
  ['no length at all', version2({ length: 0 }), /^the header is shorter/],
  ['a TLV of two bytes', version2({ vectors: [Buffer.from([1, 0])] }), /^a TLV is cut off/],
  ['a TLV of one byte', version2({ vectors: [Buffer.from([4])] }), /^a TLV is cut off/],
  ['a TLV over the end', version2({ vectors: [Buffer.from([1, 0, 2, 0])] }), /^a TLV is longer/],
  ['a TLV far over the end', version2({ vectors: [Buffer.from([1, 0xff, 0xff])] }), /^a TLV is longer/],
  ['a wrong checksum', version2({ checksum: 'wrong' }), /^the CRC32C is wrong/],
  ['a checksum of three bytes', version2({ vectors: [vector(3, Buffer.alloc(3))] }), /^the CRC32C is malformed/],
  ['two checksums', version2({ vectors: [vector(3, Buffer.alloc(4))], checksum: 'right' }), /^the CRC32C is malformed/],
]
for (const [name, bytes, why] of bad) t.match(readProxyHeader(bytes), { state: 'invalid', why }, name)

t.test('a changed byte breaks the checksum', async (t) => {
  const header = version2({ vectors: [vector(0x02, text('name'))], checksum: 'right' })
  const type = header.length - 7
  for (let at = 16; at < header.length; at++) {
    if (at === type) continue // Without its type it is no checksum any more.
    const changed = Buffer.from(header)
    changed[at] = (changed[at] as number) ^ 0x10
    t.equal(readProxyHeader(changed).state, 'invalid', `byte ${at}`)
  }
})

t.test('CRC32C of RFC 3720, appendix B.4', async (t) => {
  t.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa)
  t.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43)
  t.equal(crc32c(Uint8Array.from({ length: 32 }, (_, at) => at)), 0x46dd794e)
  t.equal(crc32c(text('123456789')), 0xe3069283)
})

const octets = fc.array(fc.nat({ max: 255 }), { minLength: 4, maxLength: 4 })
const headers = fc.oneof(
  fc.constantFrom(...good.filter(([, header]) => header.length < 1_000).map(([, header]) => header)),
  fc.tuple(octets, octets).map(([from, to]) => version1(from.join('.'), to.join('.'))),
  fc.tuple(octets, octets, fc.array(fc.tuple(fc.integer({ min: 4, max: 255 }), fc.uint8Array({ maxLength: 40 })), { maxLength: 4 }), fc.constantFrom('none', 'right'))
    .map(([from, to, vectors, checksum]) => version2({
      block: block4(from, to), vectors: vectors.map(([type, value]) => vector(type, value)), checksum: checksum as 'none' | 'right',
    })),
)

t.test('cut anywhere: more is asked for until the last byte is there, and no byte behind it is read', async () => {
  fc.assert(fc.property(headers, fc.uint8Array({ maxLength: 20 }), (header, behind) => {
    const all = Buffer.concat([header, behind])
    const whole = readProxyHeader(all)
    for (let length = 0; length <= all.length; length++) {
      const read = readProxyHeader(all.subarray(0, length))
      if (length < header.length ? read.state !== 'more' : JSON.stringify(read) !== JSON.stringify(whole)) throw new Error(`at ${length} of ${header.toString('hex')}`)
    }
    return whole.state === 'header' && whole.length === header.length
  }))
})

t.test('junk: no throw, and an answer stays what it is', async () => {
  const junk = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.uint8Array({ maxLength: 200 }).map((tail) => Buffer.concat([opening, tail])),
    fc.uint8Array({ maxLength: 200 }).map((tail) => Buffer.concat([text('PROXY '), tail])),
    fc.tuple(headers, fc.nat(), fc.nat({ max: 255 })).map(([header, at, byte]) => {
      const changed = Buffer.from(header)
      changed[at % changed.length] = byte
      return changed
    }),
  )
  fc.assert(fc.property(junk, (bytes) => {
    let settled: string | undefined
    for (let length = 0; length <= bytes.length; length++) {
      const read = readProxyHeader(bytes.subarray(0, length))
      if (settled !== undefined && read.state !== settled) throw new Error(`${settled}, then ${read.state}: ${Buffer.from(bytes).toString('hex')}`)
      if (read.state !== 'more') settled = read.state
      if (read.state === 'header' && read.length > length) throw new Error('longer than what is there')
    }
  }), { numRuns: 1_000 })
})
