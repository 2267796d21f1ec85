import fc from 'fast-check'
import ipRangeCheck from 'ip-range-check'
import t from 'tap'
import { parseAddress } from '../../src/addresses/address.ts'
import { compileRanges, parseRange, range } from '../../src/addresses/ranges.ts'
import type { Address } from '../../src/core/delivery.ts'

const address = (text: string) => parseAddress(text) as Address

const cases: [ranges: string[], address: string, held: string | undefined][] = [
  [['203.0.113.0/24'], '203.0.112.255', undefined],
  [['203.0.113.0/24'], '203.0.113.0', '203.0.113.0/24'],
  [['203.0.113.0/24'], '203.0.113.255', '203.0.113.0/24'],
  [['203.0.113.0/24'], '203.0.114.0', undefined],
  [['203.0.113.7'], '203.0.113.7', '203.0.113.7'],
  [['203.0.113.7'], '203.0.113.8', undefined],
  [['203.0.113.7/32'], '203.0.113.7', '203.0.113.7/32'],
  [['0.0.0.0/0'], '255.255.255.255', '0.0.0.0/0'],
  [['128.0.0.0/1'], '127.255.255.255', undefined],
  [['128.0.0.0/1'], '128.0.0.0', '128.0.0.0/1'],
  [['203.0.113.0/25', '203.0.113.128/25'], '203.0.113.128', '203.0.113.128/25'],
  [['10.1.0.0/16', '10.0.0.0/8', '10.1.2.0/24'], '10.1.2.3', '10.0.0.0/8'],
  [['2001:db8::/32'], '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', '2001:db8::/32'],
  [['2001:db8::/32'], '2001:db9::', undefined],
  [['2001:db8::/33'], '2001:db8:8000::', undefined],
  [['2001:db8::1'], '2001:db8::1', '2001:db8::1'],
  [[], '10.0.0.1', undefined],
  // One address, two spellings.
  [['203.0.113.0/24'], '::ffff:203.0.113.9', '203.0.113.0/24'],
  [['::ffff:203.0.113.0/120'], '203.0.113.9', '::ffff:203.0.113.0/120'],
  [['::ffff:0:0/96'], '203.0.113.9', '::ffff:0:0/96'],
  [['::ffff:203.0.113.9'], '203.0.113.9', '::ffff:203.0.113.9'],
  // The families stay apart.
  [['::/0'], '203.0.113.9', undefined],
  [['::/0'], '2001:db8::1', '::/0'],
  [['::/80'], '203.0.113.9', undefined],
  [['::/1', '0.0.0.0/0'], '203.0.113.9', '0.0.0.0/0'],
  [['0.0.0.0/0'], '::1', undefined],
  // Spellings that carry IPv4 bytes are no IPv4.
  [['203.0.113.0/24'], '2002:cb00:7109::1', undefined],
  [['203.0.113.0/24'], '64:ff9b::203.0.113.9', undefined],
  [['203.0.113.0/24'], '64:ff9b:1::203.0.113.9', undefined],
  [['203.0.113.0/24'], '::203.0.113.9', undefined],
  [['203.0.113.0/24'], '::ffff:0:203.0.113.9', undefined],
  [['203.0.113.0/24'], '2001:0:cb00:7109::', undefined],
  [['0.0.0.0/0'], '::203.0.113.9', undefined],
]
for (const [ranges, from, held] of cases) t.equal(compileRanges(ranges)(address(from)), held, `${from} in ${ranges.join(' ')}`)

const mistakes: [string, RegExp][] = [
  ['203.0.113.7/24', /^write 203\.0\.113\.0\/24 for the range, or 203\.0\.113\.7 for the one address$/],
  ['::ffff:203.0.113.7/120', /^write ::ffff:203\.0\.113\.0\/120 for the range/],
  ['2001:db8::1/64', /^write 2001:db8::\/64/],
  ['::ffff:0:0/95', /^write ::fffe:0:0\/95/],
  ['203.0.113.0/33', /^write at most \/32$/],
  ['2001:db8::/129', /^write at most \/128$/],
  ...['', '/24', '203.0.113.0/', '203.0.113.0/024', '203.0.113.0/-1', '203.0.113.0/+8', '203.0.113.0/8/8', '203.0.113/24', '0xcb.0.113.0/24',
    '010.0.0.0/8', 'fe80::%eth0/64', '203.0.113.0/255.255.255.0', ' 203.0.113.0/24', '203.0.113.0 /24', '203.0.113.0-203.0.113.9', '*',
  ].map((text): [string, RegExp] => [text, /^write an address/]),
]
for (const [text, mend] of mistakes) {
  const parsed = parseRange(text)
  t.match('mend' in parsed && parsed.mend, mend, `refuses ${JSON.stringify(text)}`)
  t.equal(range.safeParse(text).success, false, `the schema refuses ${JSON.stringify(text)}`)
  t.throws(() => compileRanges([text]), `nothing is compiled from ${JSON.stringify(text)}`)
}
t.equal(range.parse('203.0.113.0/24'), '203.0.113.0/24', 'a good range stays text')

/** A CIDR range with its host bits cleared, and an address that is near it more often than not. */
const four = fc.tuple(fc.nat({ max: 0xffffffff }), fc.integer({ min: 0, max: 32 })).map(([value, length]) => {
  const network = length === 0 ? 0 : (value & (-1 << (32 - length))) >>> 0
  return `${dotted(network)}/${length}`
})
const six = fc.tuple(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), fc.integer({ min: 0, max: 128 })).map(([value, length]) => {
  const free = BigInt(128 - length)
  return `${groups((value >> free) << free)}/${length}`
})

function dotted(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.')
}

function groups(value: bigint): string {
  return Array.from({ length: 8 }, (_, at) => ((value >> BigInt(112 - at * 16)) & 0xffffn).toString(16)).join(':')
}

/** The oracle reads the IPv4-compatible `::1.2.3.4` as the IPv4 address 1.2.3.4; we must not (see the table). */
const readAlike = (text: string) => parseAddress(text) !== undefined && !/^::[\d.]+$/.test(text)

/** Addresses at and beside the edges of the ranges, and anywhere. */
function near(ranges: readonly string[]): fc.Arbitrary<string> {
  const edges = ranges.flatMap((text) => {
    const parsed = parseRange(text)
    if ('mend' in parsed) throw new Error(parsed.what)
    return [parsed.first, parsed.last].flatMap((bytes) => {
      const value = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
      const family = text.includes(':') ? (n: bigint) => groups(n) : (n: bigint) => dotted(Number(n & 0xffffffffn))
      return [value - 1n, value, value + 1n].filter((n) => n >= 0n && n < 1n << 128n).map(family)
    })
  })
  return fc.oneof(fc.constantFrom(...edges), fc.ipV4(), fc.ipV6().filter(readAlike))
}

t.test('agrees with ip-range-check', async () => {
  const ranges = fc.array(fc.oneof(four, six), { minLength: 1, maxLength: 12 })
  const questions = ranges.chain((list) => fc.tuple(fc.constant(list), near(list)))
  fc.assert(fc.property(questions, ([list, from]) => (
    (compileRanges(list)(address(from)) !== undefined) === ipRangeCheck(from, list)
  )), { numRuns: 2_000 })
})

t.test('what it names does hold the address', async () => {
  const ranges = fc.array(four, { minLength: 1, maxLength: 40 })
  fc.assert(fc.property(ranges.chain((list) => fc.tuple(fc.constant(list), near(list))), ([list, from]) => {
    const held = compileRanges(list)(address(from))
    return held === undefined ? !ipRangeCheck(from, list) : list.includes(held) && ipRangeCheck(from, held)
  }))
})
