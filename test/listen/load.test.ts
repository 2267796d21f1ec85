import t from 'tap'
import { Load } from '../../src/listen/load.ts'
import { StillClock } from '../support/clock.ts'

const limits = { inFlight: 2, eventLoopDelay: 250 }

t.test('deliveries under way', async (t) => {
  const load = new Load(limits, new StillClock())
  for (const expected of [undefined, undefined, 'in-flight']) {
    t.equal(load.busy, expected)
    load.begin()
  }
  load.end()
  t.equal(load.busy, 'in-flight')
  load.end()
  t.equal(load.busy, undefined)
  load.change({ ...limits, inFlight: 1 })
  t.equal(load.busy, 'in-flight')
})

/** A clock whose timers run late by so much, one after the other. */
function lateBy(delays: readonly number[]): Load {
  let now = 0
  const timers: { readonly due: number; readonly run: () => void }[] = []
  const load = new Load(limits, {
    now: () => now, monotonic: () => now,
    after: (delay, run) => {
      timers.push({ due: now + delay, run })
      return () => { timers.length = 0 }
    },
  })
  for (const delay of delays) {
    const timer = timers.shift()
    now = (timer?.due ?? 0) + delay
    timer?.run()
  }
  return load
}

const rows: [number[], number, string | undefined][] = [
  [[], 0, undefined], [[0, 0], 0, undefined], [[5_000], 0, undefined], [[5_000, 0], 0, undefined], [[0, 5_000, 10], 10, undefined],
  [[251, 251], 251, 'event-loop'], [[250, 250], 250, undefined], [[250, 251], 250, undefined], [[900, 300], 300, 'event-loop'],
  [[900, 900, 20], 20, undefined], [[900, 900, 20, 900], 20, undefined],
]
for (const [delays, delay, busy] of rows) {
  t.test(`late by ${delays.join(', ')}`, async (t) => {
    const load = lateBy(delays)
    t.equal(load.delay, delay)
    t.equal(load.busy, busy)
    t.equal(load.isLate, busy !== undefined)
  })
}

t.test('stopped, it leaves no timer behind', async (t) => {
  const clock = new StillClock()
  const load = new Load(limits, clock)
  clock.advance(1_000)
  t.equal(clock.pending, 1)
  load.stop()
  t.equal(clock.pending, 0)
})
