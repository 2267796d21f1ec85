import t from 'tap'
import { LivedTime } from '../../src/nonces/lived-time.ts'
import { StillClock } from '../support/clock.ts'

const start = 1_800_000_000_000
const hour = 3_600_000

/** Something that is kept from the start for an hour, and how the time is asked. */
function keeping() {
  const clock = new StillClock(start)
  const lived = new LivedTime()
  const now = (): number => lived.see(clock.now(), clock.monotonic())
  now()
  lived.keepUntil(start + hour)
  return { clock, lived, time: { now } }
}

t.test('where nobody touches the clock it is the wall clock', async (t) => {
  const { clock, time } = keeping()
  for (const length of [0, 1, hour, 7 * hour]) {
    clock.advance(length)
    t.equal(time.now(), clock.now())
  }
})

t.test('a leap forward ends nothing early', async (t) => {
  const { clock, time } = keeping()
  clock.step(24 * hour)
  t.equal(time.now(), start)
  clock.advance(hour - 1)
  t.equal(time.now(), start + hour - 1, 'one before the end')
  clock.advance(1)
  t.equal(time.now(), start + hour, 'at the end, by the time that was lived')
})

t.test('a leap forward is believed once everything from before has ended', async (t) => {
  const { clock, time } = keeping()
  clock.step(24 * hour)
  for (let passed = 0; passed < 3; passed++) {
    clock.advance(hour + 1)
    time.now()
  }
  t.equal(time.now(), clock.now())
})

t.test('a step back makes everything live longer', async (t) => {
  const { clock, time } = keeping()
  clock.advance(10)
  clock.step(-5 * hour)
  t.equal(time.now(), clock.now())
})

t.test('there and back again changes nothing', async (t) => {
  const { clock, time } = keeping()
  clock.step(24 * hour)
  time.now()
  clock.step(-24 * hour)
  clock.advance(10)
  t.equal(time.now(), clock.now())
})
