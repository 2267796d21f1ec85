import fc from 'fast-check'
import t from 'tap'
import { newTree, readJson, want } from '../../src/schemes/json.ts'
import { deepest } from '../../src/schemes/json-value.ts'

/** Reads some fields, each given as `a.b`. */
function read(text: string | Uint8Array, ...paths: string[]): unknown {
  const tree = newTree()
  const places = paths.map((path) => want(tree, path.split('.')))
  const found = readJson(typeof text === 'string' ? Buffer.from(text) : text, tree)
  return typeof found === 'string' ? found : places.map((place) => found[place]?.text)
}

const cases: [string, string, unknown][] = [
  ['a string', '{"a":"x"}', ['x']],
  ['a number, as it is spelled', '{"a":1.50}', ['1.50']],
  ['a truth', '{"a":true}', ['true']],
  ['null', '{"a":null}', [undefined]],
  ['an object', '{"a":{}}', [undefined]],
  ['absent', '{"b":1}', [undefined]],
  ['not an object', '[1]', [undefined]],
  ['blanks', ' \t\r\n{ "a" : "x" } ', ['x']],
  ['an escape', '{"a":"\\u00fc\\n\\/"}', ['Ã¼\n/']],
  ['a pair of surrogates', '{"a":"\\ud83d\\ude00"}', ['ð\u009f\u0098\u0080']],
  ['half of one', '{"a":"\\ud83d"}', 'not-json'],
  ['a key that is escaped', '{"\\u0061":"x"}', ['x']],
  ['the key twice', '{"a":1,"a":2}', 'repeated-key'],
  ['the key twice, once escaped', '{"a":1,"\\u0061":2}', 'repeated-key'],
  ['another key twice', '{"b":1,"b":2,"a":3}', ['3']],
  ['the key twice elsewhere', '{"c":{"a":1,"a":2},"a":3}', ['3']],
  ['__proto__', '{"__proto__":{"a":1},"a":2}', ['2']],
  ['two texts', '{"a":1}{"a":2}', 'not-json'],
  ['a comma too many', '{"a":1,}', 'not-json'],
  ['no end', '{"a":1', 'not-json'],
  ['a leading zero', '{"a":01}', 'not-json'],
  ['a plus', '{"a":+1}', 'not-json'],
  ['NaN', '{"a":NaN}', 'not-json'],
  ['a comment', '{/**/"a":1}', 'not-json'],
  ['a control byte', '{"a":"\u0001"}', 'not-json'],
  ['a wrong escape', '{"a":"\\x"}', 'not-json'],
  ['a byte order mark', '\ufeff{"a":1}', 'not-json'],
  ['nothing', '', 'not-json'],
  ['single quotes', "{'a':1}", 'not-json'],
]
for (const [name, text, expected] of cases) t.same(read(text, 'a'), expected, name)

t.same(read('{"a":[{"b":1},{"b":2}]}', 'a.1.b', 'a.0.b', 'a.2.b'), ['2', '1', undefined], 'positions')
t.same(read('{"a":{"b":1},"c":"x"}', 'a.b', 'c', 'a.b'), ['1', 'x', '1'], 'several, one of them twice')
t.same(read(Buffer.from('7b2261223a22ff227d', 'hex'), 'a'), ['ÿ'], 'bytes that are no UTF-8 stay as they are')

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
t.same(read(nested(deepest), 'a'), [undefined], 'as deep as the cap')
t.same(read(nested(deepest + 1), 'a'), 'too-deep', 'deeper')
t.same(read('['.repeat(1_000_000), 'a'), 'too-deep', 'much deeper')

t.test('agrees with JSON.parse about what is JSON', async () => {
  fc.assert(fc.property(fc.json({ maxDepth: 5 }), (text) => read(text, 'never') !== 'not-json'))
  fc.assert(fc.property(fc.oneof(fc.string(), fc.array(fc.constantFrom(...'{}[]":,0-1e.\\utn ')).map((all) => all.join(''))), (text) => {
    const said = read(text, 'a.b') !== 'not-json'
    try {
      JSON.parse(text)
      return said || /\\|\ufffd/.test(text) || read(text, 'a.b') === 'repeated-key'
    } catch {
      return !said || /"[^"]*[\\\u0000-\u001f]/.test(text)
    }
  }))
  fc.assert(fc.property(fc.string(), (value) => {
    const found = read(JSON.stringify({ b: [value], a: value }), 'a')
    return JSON.stringify(found) === JSON.stringify([Buffer.from(value).toString('latin1')])
  }))
  fc.assert(fc.property(fc.uint8Array(), (bytes) => read(bytes, 'a') !== undefined))
})
