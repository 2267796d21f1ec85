import fc from 'fast-check'
import t from 'tap'
import { sameBytes, sameTexts } from '../../src/schemes/compare.ts'

const bytes = (text: string) => Buffer.from(text)
t.ok(sameBytes(bytes('abc'), bytes('abc')))
t.notOk(sameBytes(bytes('abc'), bytes('abd')))
t.notOk(sameBytes(bytes('abc'), bytes('ab')), 'shorter')
t.notOk(sameBytes(bytes('ab'), bytes('abc')), 'longer')
t.notOk(sameBytes(bytes('abc'), bytes('abc\0')), 'padded')
t.ok(sameBytes(bytes(''), bytes('')), 'that nothing equals nothing is for the callers to exclude, and they do')

const same = sameTexts(3)
t.ok(same('abc', 'abc'))
t.notOk(same('abc', 'abd'))
t.notOk(same('abd', 'abc'), 'what was compared before is forgotten')
t.notOk(same('ab', 'ab'), 'another length on both sides')
t.notOk(same('ab', 'abc'))
t.notOk(same('abcd', 'abc'))
t.notOk(same('abc', '\u0161bc'), 'a character that folds into the right byte')
t.notOk(same('a\u00e9c', 'a\u00e9c'), 'no MAC is spelled beyond ASCII')
t.notOk(same('\u0161'.repeat(3), 'abc'), 'as many bytes as both halves have')
t.notOk(same('\ud83d\ude00a', 'abc'), 'a pair of surrogates')
t.notOk(same('\ud83dbc', 'abc'), 'half of one')

t.test('texts are the same where they are equal, whatever was compared before', async () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\u00ff', '\u0161'), maxLength: 4 })
  fc.assert(fc.property(text, text, (one, other) => {
    const ascii = [...one].every((letter) => letter <= '\u007f')
    return same(one, other) === (one === other && one.length === 3 && ascii)
  }))
})
