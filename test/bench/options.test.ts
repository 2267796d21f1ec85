import t from 'tap'
import { amount, count, namesOf } from '../../bench/options.ts'

void t.test('a count is a whole number from 1', (t) => {
  for (const [text, value] of [['1', 1], ['20000', 20_000], ['999999999', 999_999_999]] as const) t.equal(count(text), value)
  for (const text of ['', '0', '-1', '01', '1.5', '1e3', '0x1', ' 1', '1 ', '1000000000', 'many']) t.throws(() => count(text), { code: 'commander.invalidArgument' }, text)
  t.end()
})

void t.test('an amount need not be whole', (t) => {
  for (const [text, value] of [['1', 1], ['0.25', 0.25], ['150', 150], ['0.000000001', 1e-9]] as const) t.equal(amount(text), value)
  for (const text of ['', '0', '0.0', '-1', '.5', '1.', '1e3', 'NaN', 'Infinity', ' 1', '1,5']) t.throws(() => amount(text), { code: 'commander.invalidArgument' }, text)
  t.end()
})

void t.test('names of a list, and no others', (t) => {
  const read = namesOf(['nginx', 'caddy'])
  t.same(read('caddy'), ['caddy'])
  t.same(read('nginx,caddy'), ['nginx', 'caddy'])
  for (const text of ['', 'apache', 'nginx,', 'nginx, caddy', 'Nginx']) t.throws(() => read(text), { code: 'commander.invalidArgument', message: /nginx,caddy/ }, text)
  t.end()
})
