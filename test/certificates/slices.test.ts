import t from 'tap'
import { atOnce, inSlices } from '../../src/certificates/slices.ts'

function* work(steps: number): Generator<void, string, void> {
  for (let step = 0; step < steps; step++) yield
  return 'done'
}

function* failing(): Generator<void, string, void> {
  yield
  throw new Error('broken')
}

t.test('all at once, or with a turn between two steps', async (t) => {
  for (const steps of [0, 1, 5]) {
    let turns = 0
    t.equal(atOnce(work(steps)), 'done')
    t.equal(await inSlices(work(steps), () => Promise.resolve(turns++)), 'done')
    t.equal(turns, steps)
  }
  let others = 0
  const count = (): void => { if (++others < 100) setImmediate(count) }
  setImmediate(count)
  await inSlices(work(10))
  t.ok(others >= 9, 'the event loop turns')
})

t.test('what the work throws', async (t) => {
  t.throws(() => atOnce(failing()), { message: 'broken' })
  await t.rejects(inSlices(failing()), { message: 'broken' })
})
