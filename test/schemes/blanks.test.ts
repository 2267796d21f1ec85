import fc from 'fast-check'
import t from 'tap'
import { isBlank, withoutBlanks } from '../../src/schemes/blanks.ts'

const cases: [string, string][] = [['a', 'a'], [' \ta b\t ', 'a b'], ['', ''], [' \t ', ''], ['\na\r', '\na\r'], ['\u00a0a\u000b', '\u00a0a\u000b'], ['\ufeffa', '\ufeffa']]
for (const [text, expected] of cases) t.equal(withoutBlanks(text), expected, JSON.stringify(text))
t.same([0x20, 0x09, 0x0a, 0xa0].map(isBlank), [true, true, false, false])

t.test('nothing but blanks at the ends goes', async () => {
  fc.assert(fc.property(fc.constantFrom('', ' ', '\t', ' \t '), fc.string().filter((one) => one === '' || !/^[ \t]|[ \t]$/.test(one)), (around, text) => (
    withoutBlanks(around + text + around) === text
  )))
})
