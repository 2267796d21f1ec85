import t from 'tap'
import type { BodyFault } from '../../src/core/delivery.ts'
import { BodyBudget, BodyReader } from '../../src/listen/body.ts'
import type { BodySink } from '../../src/listen/request-body.ts'
import { StillClock } from '../support/clock.ts'

const grace = 5_000

/** A chunked request whose body is brought by hand. */
function reading(rate: number, timeout = 60_000) {
  const clock = new StillClock()
  let sink: BodySink | undefined
  const source = {
    framing: 'chunked', expectsContinue: false, body: { isOver: false, flowTo: (to: BodySink) => { sink = to } }, reply: { writeContinue: () => undefined },
  } as const
  const reader = new BodyReader(source, { clock, rate, timeout, budget: new BodyBudget(1_000_000) })
  const body = Promise.resolve(reader.read(1_000_000))
  const bring = (bytes: number): void => sink?.data(Buffer.alloc(bytes))
  return { clock, body, bring, end: () => sink?.end() }
}

const late: BodyFault = { fault: 'timeout' }

t.test('nothing at all', async (t) => {
  const { clock, body } = reading(100)
  let settled = false
  void body.then(() => { settled = true })
  clock.advance(grace - 1)
  await new Promise((resolve) => { setImmediate(resolve) })
  t.notOk(settled)
  clock.advance(1)
  t.same(await body, late)
})

t.test('slow, but quick enough', async (t) => {
  const { clock, body, bring, end } = reading(100)
  for (let second = 0; second < 20; second++) {
    bring(100)
    clock.advance(1_000)
  }
  end()
  t.equal((await body as Uint8Array).length, 2_000)
})

t.test('quick at first, then nothing', async (t) => {
  const { clock, body, bring } = reading(100)
  bring(1_000)
  clock.advance(grace + 10_000 - 1)
  bring(1)
  clock.advance(1 + 10)
  t.same(await body, late)
})

t.test('the time-out holds beside it, and alone where no rate is asked for', async (t) => {
  for (const rate of [0, 1]) {
    const { clock, body, bring } = reading(rate, 7_000)
    bring(1_000)
    clock.advance(7_000)
    t.same(await body, late)
  }
})
