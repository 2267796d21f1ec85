import fc from 'fast-check'
import t from 'tap'
import { Pace } from '../../src/core/pace.ts'

t.test('at once, then one at a time', async (t) => {
  const pace = new Pace({ count: 3, per: 1_000 })
  t.same([0, 0, 0].map(() => pace.take('a', 0)), [0, 0, 0])
  t.equal(Math.ceil(pace.take('a', 0)), 334)
  t.equal(pace.take('b', 0), 0, 'another key has its own')
  t.ok(pace.take('a', 333) > 0)
  t.equal(pace.take('a', 334), 0)
  t.ok(pace.take('a', 334) > 0)
  t.same([0, 0, 0].map(() => pace.take('a', 5_000)), [0, 0, 0], 'full again after a rest')
  t.ok(pace.take('a', 5_000) > 0, 'and never fuller')
})

t.test('a refused one costs nothing', async (t) => {
  const pace = new Pace({ count: 1, per: 1_000 })
  t.equal(pace.take('a', 0), 0)
  for (let now = 1; now < 1_000; now++) t.equal(pace.take('a', now), 1_000 - now)
  t.equal(pace.take('a', 1_000), 0)
})

t.test('bounded: the key that came longest ago is forgotten', async (t) => {
  const pace = new Pace({ count: 1, per: 1_000 }, 2)
  pace.take('a', 0)
  pace.take('b', 0)
  t.ok(pace.take('a', 0) > 0)
  pace.take('c', 0)
  t.equal(pace.size, 2)
  t.ok(pace.take('b', 0) > 0)
  t.ok(pace.take('c', 0) > 0)
  t.equal(pace.take('a', 0), 0)
})

t.test('never more than the count in any stretch of that time, and the wait that it names is enough', async () => {
  const limits = fc.record({ count: fc.integer({ min: 1, max: 20 }), per: fc.integer({ min: 1, max: 5_000 }) })
  fc.assert(fc.property(limits, fc.array(fc.double({ min: 0, max: 300, noNaN: true }), { maxLength: 200 }), (limit, steps) => {
    const pace = new Pace(limit)
    const taken: number[] = []
    let now = 0
    for (const step of steps) {
      now += step
      const wait = pace.take('a', now)
      if (wait === 0) taken.push(Math.floor(now))
      else if (steps.length % 2 === 0) {
        now = Math.floor(now) + Math.ceil(wait)
        if (pace.take('a', now) !== 0) throw new Error(`not yet at ${now}`)
        taken.push(Math.floor(now))
      }
    }
    // The bucket holds `count` and drains evenly: in any stretch no more than the count and what drained meanwhile.
    for (let first = 0; first < taken.length; first++) {
      for (let last = first; last < taken.length; last++) {
        const drained = (((taken[last] as number) - (taken[first] as number)) * limit.count) / limit.per
        if (last - first + 1 > limit.count + drained + 1e-9) throw new Error(`${last - first + 1} in ${drained}`)
      }
    }
  }))
})
