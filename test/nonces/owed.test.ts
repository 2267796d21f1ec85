import t from 'tap'
import { StoreUnavailable, type Outcome } from '../../src/core/nonce.ts'
import { Owed } from '../../src/nonces/owed.ts'
import { Held } from '../../src/nonces/shared-claim.ts'
import { nonceOf } from '../contracts/store.ts'
import { StillClock } from '../support/clock.ts'

const outcome: Outcome = { status: 200, until: 1 }
const settles = { commit: () => Promise.resolve(true), release: () => Promise.resolve(true) }
const held = (number: number): Held => new Held(settles, nonceOf(`${number}`), number, 1_000)

/** What is owed to a journal that takes so much of it each time it is tried. */
function owing(takes: number[]) {
  const clock = new StillClock()
  const tried: number[][] = []
  const owed: Owed = new Owed(clock, (all) => {
    const numbers = [...all].map(([one]) => one.number)
    tried.push(numbers)
    for (const [one] of [...all].slice(0, takes.shift() ?? Infinity)) owed.settled(one)
  })
  return { clock, owed, tried }
}

t.test('who owes nothing may go on', async (t) => {
  const { owed, tried } = owing([])
  owed.pay(0)
  t.same(tried, [])
})

t.test('what is owed is tried again by the clock, all of it, until it is written', async (t) => {
  const { clock, owed, tried } = owing([0, 1])
  for (const number of [1, 2]) owed.add(held(number), outcome)
  clock.advance(100)
  clock.advance(100)
  clock.advance(100)
  t.same(tried, [[1, 2], [1, 2], [2]])
  owed.pay(clock.monotonic())
  clock.advance(1_000)
  t.equal(tried.length, 3, 'and then no more')
})

t.test('whoever comes meanwhile is told so, tries where it is time, and goes on where that did it', async (t) => {
  const { clock, owed, tried } = owing([0])
  owed.add(held(1), outcome)
  t.throws(() => owed.pay(clock.monotonic()), StoreUnavailable)
  t.same(tried, [], 'a moment ago')
  t.throws(() => owed.pay(clock.monotonic() + 100), StoreUnavailable)
  owed.pay(clock.monotonic() + 200)
  t.same(tried, [[1], [1]])
})

t.test('when it is over nothing is tried any more', async (t) => {
  const { clock, owed, tried } = owing([])
  owed.add(held(1), outcome)
  owed.end()
  clock.advance(1_000)
  t.same(tried, [])
})
