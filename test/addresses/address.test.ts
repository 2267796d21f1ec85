import fc from 'fast-check'
import t from 'tap'
import { addressFromBytes, fromSocket, parseAddress } from '../../src/addresses/address.ts'

const good: [string, string, string][] = [
  ['1.2.3.4', '1.2.3.4', '00000000000000000000ffff01020304'],
  ['0.0.0.0', '0.0.0.0', '00000000000000000000ffff00000000'],
  ['255.255.255.255', '255.255.255.255', '00000000000000000000ffffffffffff'],
  ['::ffff:1.2.3.4', '1.2.3.4', '00000000000000000000ffff01020304'],
  ['::FFFF:0102:0304', '1.2.3.4', '00000000000000000000ffff01020304'],
  ['0:0:0:0:0:ffff:1.2.3.4', '1.2.3.4', '00000000000000000000ffff01020304'],
  ['::', '::', '00'.repeat(16)],
  ['::1', '::1', `${'00'.repeat(15)}01`],
  ['2001:DB8:0:0::00a', '2001:db8::a', '20010db800000000000000000000000a'],
  ['::1.2.3.4', '::102:304', '00000000000000000000000001020304'],
  ['64:ff9b::1.2.3.4', '64:ff9b::102:304', '0064ff9b000000000000000001020304'],
  ['64:ff9b:1::1.2.3.4', '64:ff9b:1::102:304', '0064ff9b000100000000000001020304'],
  ['2001:0:102:304::fefd:fcfb', '2001:0:102:304::fefd:fcfb', '200100000102030400000000fefdfcfb'],
  ['fe80::5efe:1.2.3.4', 'fe80::5efe:102:304', 'fe8000000000000000005efe01020304'],
  ['2002:102:304::', '2002:102:304::', '20020102030400000000000000000000'],
  ['::ffff:0:1.2.3.4', '::ffff:0:102:304', '0000000000000000ffff000001020304'],
]
for (const [text, canonical, hex] of good) {
  const address = parseAddress(text)
  t.equal(address?.text, canonical, text)
  t.equal(address && Buffer.from(address.bytes).toString('hex'), hex, `${text}: bytes`)
}

const bad = [
  '', ' 1.2.3.4', '1.2.3.4 ', '1.2.3.4\n', '1.2.3', '1.2', '16909060', '0x01020304', '0x1.2.3.4', '01.2.3.4', '1.2.3.04', '001.2.3.4',
  '010.8.8.8', '1.2.3.256', '1.2.3.4.5', '1..3.4', '.1.2.3.4', '1.2.3.4.', '1.2.3.4:80', '1.2.3.4/32', '+1.2.3.4', '1.2.3.-4', '١.2.3.4',
  ':', ':::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1::2::3', '12345::', 'g::', '::%eth0', 'fe80::1%eth0', 'fe80::1%1', '[::1]', '[::1]:80',
  '::ffff:01.2.3.4', '::ffff:1.2.3', '::ffff:0x1.2.3.4', '::ffff:1.2.3.256', '::1.2.3.4.5', '1.2.3.4::', '::ffff:1.2.3.4%1', 'localhost', 'null',
]
for (const text of bad) t.equal(parseAddress(text), undefined, `refuses ${JSON.stringify(text)}`)

t.test('what an address prints is read back as the same address', async () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
    const address = addressFromBytes(bytes)
    const read = parseAddress(address.text)
    return read?.text === address.text && Buffer.from(bytes).equals(read.bytes)
  }))
  fc.assert(fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
    const read = parseAddress([...bytes].join('.'))
    return read?.text === bytes.join('.') && Buffer.from(read.bytes).equals(addressFromBytes(bytes).bytes)
  }))
})

t.test('no text throws', async () => {
  const digits = fc.string({ unit: fc.constantFrom(...'0123456789abcdefx:.%/'), maxLength: 45 })
  fc.assert(fc.property(fc.oneof(fc.string(), digits, fc.ipV4Extended(), fc.ipV6()), (text) => {
    const address = parseAddress(text)
    return address === undefined || (address.bytes.length === 16 && parseAddress(address.text)?.text === address.text)
  }), { numRuns: 2_000 })
})

t.test('a socket', async (t) => {
  t.equal(fromSocket(undefined), undefined)
  t.equal(fromSocket('::ffff:192.0.2.1')?.text, '192.0.2.1')
  t.equal(fromSocket('192.0.2.1')?.text, '192.0.2.1')
  t.equal(fromSocket('fe80::1%eth0')?.text, 'fe80::1')
  t.equal(fromSocket('junk'), undefined)
  t.equal(fromSocket('2001:db8::1'), fromSocket('2001:db8::1'), 'parsed once')
  for (let n = 0; n < 5_000; n++) fromSocket(`10.0.${n >> 8}.${n & 255}`)
  t.equal(fromSocket('2001:db8::1')?.text, '2001:db8::1', 'known again after the memory was full')
})
