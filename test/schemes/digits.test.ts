import t from 'tap'
import { isDigits, numberAt } from '../../src/schemes/digits.ts'

t.equal(numberAt('a0123b', 1, 5), 123)
t.equal(numberAt('999999999999999', 0, 15), 999_999_999_999_999)
t.equal(numberAt('1', 1, 1), 0, 'nothing is nought: the caller looks at the length')
for (const text of ['-1', '+1', '1e', '1.', ' 1', '1\n', '\u0661\u0662', '0x']) {
  t.ok(Number.isNaN(numberAt(text, 0, 2)), JSON.stringify(text))
  t.notOk(isDigits(text), JSON.stringify(text))
}
t.ok(Number.isNaN(numberAt('12', 1, 3)), 'beyond the end')
t.ok(isDigits('0123456789'))
t.notOk(isDigits(''))
