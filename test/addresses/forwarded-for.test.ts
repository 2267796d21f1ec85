import fc from 'fast-check'
import t from 'tap'
import { parseAddress } from '../../src/addresses/address.ts'
import { compileForwarded } from '../../src/addresses/forwarded-for.ts'
import { compileRanges } from '../../src/addresses/ranges.ts'
import type { Address } from '../../src/core/delivery.ts'
import { Headers } from '../../src/core/headers.ts'

const trusted = compileRanges(['10.0.0.0/8', '2001:db8::/32'])
const behind = { x: compileForwarded('x-forwarded-for', trusted), f: compileForwarded('forwarded', trusted) }
const names = { x: 'X-Forwarded-For', f: 'Forwarded' }
const peer = (text: string) => parseAddress(text) as Address
const refused = undefined

const rows: [header: 'x' | 'f', peer: string, lines: string[], source: string | undefined][] = [
  ['x', '192.0.2.1', ['198.51.100.9'], '192.0.2.1'],
  ['x', '10.0.0.1', [], '10.0.0.1'],
  ['x', '10.0.0.1', [''], '10.0.0.1'],
  ['x', '10.0.0.1', ['198.51.100.9'], '198.51.100.9'],
  ['x', '::ffff:10.0.0.1', ['198.51.100.9'], '198.51.100.9'],
  ['x', '10.0.0.1', ['1.1.1.1, 198.51.100.9'], '198.51.100.9'],
  ['x', '10.0.0.1', ['1.1.1.1, 198.51.100.9, 10.9.9.9'], '198.51.100.9'],
  ['x', '10.0.0.1', ['1.1.1.1', '198.51.100.9', '10.9.9.9'], '198.51.100.9'],
  ['x', '10.0.0.1', ['198.51.100.9, 2001:db8::7'], '198.51.100.9'],
  ['x', '10.0.0.1', ['10.2.2.2, 10.3.3.3'], '10.2.2.2'],
  ['x', '10.0.0.1', ['\t198.51.100.9\t ,, ,'], '198.51.100.9'],
  ['x', '10.0.0.1', ['::ffff:198.51.100.9'], '198.51.100.9'],
  ['x', '10.0.0.1', ['::198.51.100.9'], '::c633:6409'],
  ['x', '10.0.0.1', ['198.51.100.9:4711'], '198.51.100.9'],
  ['x', '10.0.0.1', ['[2001:db9::1]:4711'], '2001:db9::1'],
  ['x', '10.0.0.1', ['[2001:db9::1]'], '2001:db9::1'],
  ['x', '10.0.0.1', ['2001:db9::1'], '2001:db9::1'],
  // What nobody trusted wrote is not even read.
  ['x', '10.0.0.1', ['junk, 198.51.100.9'], '198.51.100.9'],
  // What a trusted peer wrote has to be an address.
  ['x', '10.0.0.1', ['junk'], refused],
  ['x', '10.0.0.1', ['unknown'], refused],
  ['x', '10.0.0.1', ['198.51.100.9, junk, 10.2.2.2'], refused],
  ['x', '10.0.0.1', ['0198.51.100.9'], refused],
  ['x', '10.0.0.1', ['198.51.100'], refused],
  ['x', '10.0.0.1', ['fe80::1%eth0'], refused],
  ['x', '10.0.0.1', ['"198.51.100.9"'], refused],
  ['x', '10.0.0.1', ['[198.51.100.9]'], refused],
  ['x', '10.0.0.1', ['198.51.100.9 10.2.2.2'], refused],
  ['x', '10.0.0.1', ['198.51.100.9\u00a0'], refused],
  ['f', '192.0.2.1', ['for=198.51.100.9'], '192.0.2.1'],
  ['f', '10.0.0.1', [], '10.0.0.1'],
  ['f', '10.0.0.1', ['for=198.51.100.9'], '198.51.100.9'],
  ['f', '10.0.0.1', ['For="198.51.100.9:4711";proto=https;by=10.0.0.1'], '198.51.100.9'],
  ['f', '10.0.0.1', ['proto=https;for="[2001:db9::1]:4711"'], '2001:db9::1'],
  ['f', '10.0.0.1', ['for=1.1.1.1, for=198.51.100.9, for=10.9.9.9'], '198.51.100.9'],
  ['f', '10.0.0.1', ['for=1.1.1.1', 'for=198.51.100.9;host="a,b;c\\"d"', 'for=10.9.9.9'], '198.51.100.9'],
  ['f', '10.0.0.1', ['for=198.51.100.9 , for=10.9.9.9'], '198.51.100.9'],
  ['f', '10.0.0.1', ['for="198.51.100.\\9"'], '198.51.100.9'],
  ['f', '10.0.0.1', ['for=unknown, for=198.51.100.9'], '198.51.100.9'],
  ['f', '10.0.0.1', ['for=unknown'], refused],
  ['f', '10.0.0.1', ['for=_hidden'], refused],
  ['f', '10.0.0.1', ['proto=https'], refused],
  ['f', '10.0.0.1', ['for=198.51.100.9;for=1.1.1.1'], refused],
  ['f', '10.0.0.1', ['for=198.51.100.9, proto=https'], refused],
  ['f', '10.0.0.1', [''], refused],
  ['f', '10.0.0.1', ['for'], refused],
  ['f', '10.0.0.1', ['for='], refused],
  ['f', '10.0.0.1', ['for=[2001:db9::1]'], refused],
  ['f', '10.0.0.1', ['for="1.1.1.1, for=198.51.100.9'], refused],
  ['f', '10.0.0.1', ['", for=198.51.100.9'], refused],
  ['f', '10.0.0.1', ['for=198.51.100.9 for=1.1.1.1'], refused],
]
for (const [kind, from, lines, source] of rows) {
  const headers = new Headers(lines.flatMap((line) => [names[kind], line]))
  t.equal(behind[kind](headers, peer(from))?.text, source, `${names[kind]} ${JSON.stringify(lines)} by ${from}`)
}

t.test('only the header that was chosen is read', async (t) => {
  const headers = new Headers(['Forwarded', 'for=1.1.1.1', 'X-Forwarded-For', '198.51.100.9'])
  t.equal(behind.x(headers, peer('10.0.0.1'))?.text, '198.51.100.9')
  t.equal(behind.f(headers, peer('10.0.0.1'))?.text, '1.1.1.1')
})

t.test('whatever a sender writes, the address that the first trusted peer saw is the answer', async () => {
  const saw = fc.ipV4().filter((text) => parseAddress(text) !== undefined && trusted(peer(text)) === undefined)
  const hop = fc.tuple(fc.nat({ max: 255 }), fc.nat({ max: 255 })).map(([a, b]) => `10.0.${a}.${b}`)
  const invented = fc.string({ unit: fc.constantFrom(...'0123456789.,:; "=\\forunknow[]') })
  fc.assert(fc.property(invented, saw, fc.array(hop, { maxLength: 4 }), (lies, seen, hops) => {
    const appended = new Headers([names.x, [lies, seen, ...hops].join(', ')])
    if (behind.x(appended, peer('10.0.0.1'))?.text !== seen) return false
    const elements = [seen, ...hops].map((address) => `for=${address}`).join(', ')
    // What is invented is refused, or without effect.
    const source = behind.f(new Headers([names.f, `${lies}, ${elements}`]), peer('10.0.0.1'))
    if (source !== undefined && source.text !== seen) return false
    return behind.f(new Headers([names.f, elements]), peer('10.0.0.1'))?.text === seen
  }))
})
