import fc from 'fast-check'
import t from 'tap'
import { blanksEnd, deepest, stringEnd, valueEnd } from '../../src/schemes/json-value.ts'

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
const inObjects = (depth: number) => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth)

const cases: [string, string, number | string][] = [
  ['blanks before, nothing behind', ' \t\r\n1 ', 5], ['a literal', 'true,', 4], ['half of one', 'tru', 'not-json'], ['false', 'false', 5], ['null', 'null]', 4],
  ['a string', '"a" ', 3], ['escaped quotes', '"\\"\\\\"x', 6], ['a string without end', '"a\\"', 'not-json'],
  ['an empty object', '{ }', 3], ['an object', '{"a":1, "b" : [ ] }x', 19], ['no colon', '{"a" 1}', 'not-json'], ['no key', '{1:1}', 'not-json'],
  ['a comma too many', '{"a":1,}', 'not-json'], ['an array with one', '[1,]', 'not-json'], ['closed by the other', '[1}', 'not-json'], ['an object by the other', '{"a":1]', 'not-json'],
  ['an object without end', '{"a":1', 'not-json'], ['an array without end', '[1', 'not-json'], ['a key alone', '{"a"', 'not-json'], ['nothing', '', 'not-json'],
  ['as deep as the cap', nested(deepest), deepest * 2], ['deeper', nested(deepest + 1), 'too-deep'],
  ['objects as deep', inObjects(deepest), inObjects(deepest).length], ['objects deeper', inObjects(deepest + 1), 'too-deep'],
  ['much deeper', '['.repeat(1_000_000), 'too-deep'],
]
for (const [name, text, end] of cases) t.equal(valueEnd(text, 0, 0), end, name)
t.equal(valueEnd('[[1]]', 0, deepest - 1), 'too-deep', 'the depth above counts')
t.equal(stringEnd('x', 0), undefined, 'no string')
t.equal(blanksEnd('\u00a0 ', 0), 0, 'other white space is none')

t.test('agrees with JSON.parse about where a value ends', async () => {
  fc.assert(fc.property(fc.json({ maxDepth: 5 }), (text) => valueEnd(`${text}\u0000`, 0, 0) === text.length))
  fc.assert(fc.property(fc.array(fc.constantFrom(...'{}[]":,0-1e. ')).map((all) => all.join('')), (text) => {
    const end = valueEnd(text, 0, 0)
    const whole = typeof end === 'number' && blanksEnd(text, end) === text.length
    try {
      JSON.parse(text)
      return whole
    } catch {
      return !whole
    }
  }))
})
