import type { LookupAddress } from 'node:dns'
import t from 'tap'
import { Names, type Resolve } from '../../src/forward/names.ts'
import { StillClock } from '../support/clock.ts'

/** A resolver that answers when it is told to. */
function resolver() {
  const asked: { readonly host: string; readonly answer: Parameters<Resolve>[2] }[] = []
  const resolve: Resolve = (host, _options, answer) => { asked.push({ host, answer }) }
  return { asked, resolve }
}

const address = (last: number): LookupAddress[] => [{ address: `192.0.2.${last}`, family: 4 }, { address: `2001:db8::${last}`, family: 6 }]
const problem = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code })

/** What became of a question: an address, a code, or nothing yet. */
function ask(names: Names, host = 'app.internal', options: { readonly all?: boolean } = { all: true }): { found: unknown } {
  const asking: { found: unknown } = { found: undefined }
  names.lookup(host, options, (error, found) => { asking.found = error?.code ?? found })
  return asking
}

void t.test('a name is asked for once at a time, for everybody who wants it, and anew for who comes later', (t) => {
  const { asked, resolve } = resolver()
  const names = new Names(new StillClock(), resolve)
  const [one, two, other] = [ask(names), ask(names), ask(names, 'other.internal')]
  t.same(asked.map(({ host }) => host), ['app.internal', 'other.internal'])
  asked[0]?.answer(null, address(1))
  t.same([one.found, two.found, other.found], [address(1), address(1), undefined], 'a name that is not answered holds up no other')
  const three = ask(names)
  t.equal(asked.length, 3)
  asked[2]?.answer(null, address(2))
  t.same(three.found, address(2))
  t.end()
})

void t.test('one address where one is wanted, and none is no answer', (t) => {
  const { asked, resolve } = resolver()
  const names = new Names(new StillClock(), resolve)
  const one = ask(names, 'app.internal', {})
  asked[0]?.answer(null, address(1))
  t.equal(one.found, '192.0.2.1')
  const none = ask(names)
  asked[1]?.answer(null, [])
  t.equal(none.found, 'ENOTFOUND')
  t.end()
})

void t.test('what was answered before stands in for an answer that does not come, for ten minutes', (t) => {
  const clock = new StillClock()
  const { asked, resolve } = resolver()
  const names = new Names(clock, resolve)
  const first = ask(names)
  clock.advance(60_000)
  t.equal(first.found, undefined, 'where nothing is known there is nothing but to wait')
  asked[0]?.answer(null, address(1))
  const waits = ask(names)
  clock.advance(499)
  t.equal(waits.found, undefined)
  clock.advance(1)
  t.same(waits.found, address(1))
  t.same(ask(names).found, address(1), 'at once, for who comes while it is still asked for')
  clock.advance(600_000 - 500 - 1)
  t.same(ask(names).found, address(1))
  clock.advance(1)
  const late = ask(names)
  t.equal(late.found, undefined)
  t.equal(asked.length, 2, 'asked once in all that time')
  asked[1]?.answer(null, address(2))
  t.same(late.found, address(2))
  t.end()
})

for (const [code, before, found] of [
  ['EAI_AGAIN', 'known', address(1)], ['ENOTFOUND', 'known', 'ENOTFOUND'], ['EAI_AGAIN', 'not known', 'EAI_AGAIN'],
] as const) {
  void t.test(`the resolver says ${code}, and the name was ${before} before`, (t) => {
    const { asked, resolve } = resolver()
    const names = new Names(new StillClock(), resolve)
    if (before === 'known') {
      ask(names)
      asked[0]?.answer(null, address(1))
    }
    const asking = ask(names)
    asked.at(-1)?.answer(problem(code), undefined)
    t.same(asking.found, found)
    t.end()
  })
}
