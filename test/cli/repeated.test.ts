import { Command } from 'commander'
import t from 'tap'
import { repeated } from '../../src/cli/repeated.ts'

t.test('an option that is given several times is all of that, in order; not given, it is nothing', async (t) => {
  const parsed = (...words: string[]) => new Command().option('--name <name>', 'a name', repeated).parse(words, { from: 'user' }).opts()
  t.same(parsed('--name', 'b', '--name', 'a'), { name: ['b', 'a'] })
  t.same(parsed(), {})
})
