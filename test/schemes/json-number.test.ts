import fc from 'fast-check'
import t from 'tap'
import { numberEnd } from '../../src/schemes/json-number.ts'

/** The same by a regular expression. */
function other(text: string, start: number): number | undefined {
  const found = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/.exec(text.slice(start))
  if (found === null) return undefined
  const end = start + found[0].length
  // A point or an e that no digit follows is no end of a number, but the middle of none.
  return /^[.eE]/.test(text.slice(end)) && !/[eE]/.test(found[0]) && !(text[end] === '.' && found[0].includes('.')) ? undefined : end
}

const cases: [string, number | undefined][] = [
  ['0', 1], ['-0', 2], ['10', 2], ['1.5', 3], ['1e5', 3], ['1E+5', 4], ['1e-05', 5], ['-1.25e3,', 7], ['01', 1], ['1.', undefined], ['1.e1', undefined],
  ['1e', undefined], ['1e+', undefined], ['.5', undefined], ['+1', undefined], ['-', undefined], ['', undefined], ['NaN', undefined], ['--1', undefined],
  ['1.2.3', 3], ['1e1e1', 3], ['1 ', 1], ['0x10', 1], ['1_0', 1],
]
for (const [text, end] of cases) t.equal(numberEnd(text, 0), end, JSON.stringify(text))

t.test('as a regular expression says', async () => {
  const text = fc.array(fc.constantFrom(...'0019.eE+- ')).map((all) => all.join(''))
  fc.assert(fc.property(text, fc.nat(3), (written, start) => numberEnd(written, start) === other(written, start)), { numRuns: 5000 })
})
