import fc from 'fast-check'
import t from 'tap'
import { mostPairs, onlyValue, parsePairs, sortedPairs, unescape } from '../../src/schemes/form.ts'

const cases: [string, unknown][] = [
  ['', []],
  ['a=1&b=2', [['a', '1'], ['b', '2']]],
  ['a', [['a', '']]],
  ['a=', [['a', '']]],
  ['=a', [['', 'a']]],
  ['a=b=c', [['a', 'b=c']]],
  ['&&a=1&', [['a', '1']]],
  ['a+b=c+d', [['a b', 'c d']]],
  ['a=%2B', [['a', '+']]],
  ['a=%c3%BC', [['a', 'Ã¼']]],
  ['a=%', undefined],
  ['a=%4', undefined],
  ['a=%zz', undefined],
  ['a=%4%31', undefined],
  ['__proto__=1', [['__proto__', '1']]],
]
for (const [text, expected] of cases) t.same(parsePairs(text), expected, JSON.stringify(text))

t.equal(parsePairs('a&'.repeat(mostPairs))?.length, mostPairs, 'as many as the cap')
t.equal(parsePairs('a&'.repeat(mostPairs + 1)), undefined, 'one more')
t.equal(unescape('%e2%82%ac'), 'â\u0082¬', 'bytes, one character each')

const pairs = [['b', '2'], ['a', '2'], ['a', '1'], ['a', '2']] as const
t.same(sortedPairs(pairs), [['a', '1'], ['a', '2'], ['b', '2']], 'by name, then value, each once')
t.equal(onlyValue(pairs, 'b'), '2')
t.same(onlyValue(pairs, 'a'), { repeated: true })
t.equal(onlyValue(pairs, 'c'), undefined)

t.test('agrees with URLSearchParams on what it writes', async () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 20 }), (written) => {
    const read = parsePairs(new URLSearchParams(written).toString())
    const utf8 = (text: string) => Buffer.from(text, 'utf8').toString('latin1')
    const expected = written.map(([name, value]) => [utf8(name), utf8(value)])
    return JSON.stringify(read) === JSON.stringify(expected)
  }))
  const near = fc.string({ unit: fc.constantFrom(...'a=&%+4f') })
  fc.assert(fc.property(fc.oneof(fc.string(), near), (text) => (parsePairs(text) === undefined) === /%(?![0-9A-Fa-f]{2})/.test(text)))
})
