import fc from 'fast-check'
import t from 'tap'
import { Deadlines } from '../../src/core/deadlines.ts'
import { StillClock } from '../support/clock.ts'
import { leftBehind } from '../support/garbage.ts'

t.test('one timer for all: each is told when its own time is up, and not before', (t) => {
  const clock = new StillClock()
  const deadlines = new Deadlines(100, clock)
  const told: string[] = []
  const one = (name: string) => ({ timedOut: () => { told.push(`${name} at ${clock.monotonic()}`) } })
  deadlines.begin(one('first'))
  clock.advance(30)
  deadlines.begin(one('second'))
  t.equal(clock.pending, 1)
  clock.advance(69)
  t.same(told, [])
  clock.advance(1)
  t.same(told, ['first at 100'])
  clock.advance(30)
  t.same(told, ['first at 100', 'second at 130'])
  t.equal(clock.pending, 0)
  t.end()
})

t.test('who ends in time is told nothing, and with the last one ends the timer', (t) => {
  const clock = new StillClock()
  const deadlines = new Deadlines(100, clock)
  const one = deadlines.begin({ timedOut: () => t.fail('in time') })
  const other = deadlines.begin({ timedOut: () => t.fail('in time') })
  deadlines.end(one)
  t.equal(clock.pending, 1)
  deadlines.end(other)
  deadlines.end(other)
  t.equal(clock.pending, 0)
  clock.advance(1_000)
  t.end()
})

t.test('who begins while others are told has its whole time, and holds nobody up', (t) => {
  const clock = new StillClock()
  const deadlines = new Deadlines(100, clock)
  const told: string[] = []
  const again = { timedOut: () => { told.push(`again at ${clock.monotonic()}`) } }
  deadlines.begin({ timedOut: () => deadlines.begin(again) })
  clock.advance(50)
  deadlines.begin({ timedOut: () => { told.push(`between at ${clock.monotonic()}`) } })
  clock.advance(1_000)
  t.same(told, ['between at 150', 'again at 200'])
  t.equal(clock.pending, 0)
  t.end()
})

t.test('one that throws does not silence the others', (t) => {
  const clock = new StillClock()
  const deadlines = new Deadlines(100, clock)
  const told: string[] = []
  deadlines.begin({ timedOut: () => { throw new Error('mine') } })
  clock.advance(1)
  deadlines.begin({ timedOut: () => { told.push('other') } })
  t.throws(() => clock.advance(99), { message: 'mine' })
  clock.advance(1)
  t.same(told, ['other'])
  t.end()
})

t.test('a timer that fires a little early tells nobody early', (t) => {
  let now = 0
  const timers: { readonly delay: number; readonly run: () => void }[] = []
  const deadlines = new Deadlines(100, { monotonic: () => now, after: (delay, run) => { timers.push({ delay, run }); return () => undefined } })
  let told = 0
  deadlines.begin({ timedOut: () => { told++ } })
  now = 99.5
  timers.shift()?.run()
  t.equal(told, 0)
  t.equal(timers[0]?.delay, 0.5)
  now = 100
  timers.shift()?.run()
  t.equal(told, 1)
  t.end()
})

t.test('as a timer for each would', async () => {
  const step = fc.record({ wait: fc.nat(60), end: fc.option(fc.nat(20), { nil: undefined }) })
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const clock = new StillClock()
    const deadlines = new Deadlines(100, clock)
    const [told, wanted]: [string[], string[]] = [[], []]
    const begun = steps.map(({ wait, end }, at) => {
      const deadline = deadlines.begin({ timedOut: () => { told.push(`${at} at ${clock.monotonic()}`) } })
      const cancel = clock.after(100, () => { wanted.push(`${at} at ${clock.monotonic()}`) })
      return { deadline, cancel, wait, end }
    })
    for (const { wait, end } of begun) {
      clock.advance(wait)
      if (end === undefined) continue
      const other = begun[end]
      other?.cancel()
      if (other !== undefined) deadlines.end(other.deadline)
    }
    clock.advance(200)
    if (told.join() !== wanted.join()) throw new Error(`${told.join()}, not ${wanted.join()}`)
  }), { numRuns: 200 })
})

t.test('whoever ended in time is forgotten', async (t) => {
  const deadlines = new Deadlines(100, new StillClock())
  const left = leftBehind((ballast) => {
    const deadline = deadlines.begin({ ...ballast, timedOut: () => t.fail('in time') })
    return () => deadlines.end(deadline)
  })
  t.ok(left < 4 * 1024 ** 2, `${left} bytes`)
})
