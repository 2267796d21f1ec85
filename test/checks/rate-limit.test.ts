import t from 'tap'
import { rateLimit } from '../../src/checks/rate-limit.ts'
import type { PeerCertificate } from '../../src/core/delivery.ts'
import { ask, questionsOf, toolsFor, verdictOf, type Asking } from '../support/checks.ts'
import { StillClock } from '../support/clock.ts'

const shown = (fingerprint: string) => ({ fingerprint }) as PeerCertificate
const limited = 'rate-limited'

const rows: [by: string, name: string, deliveries: Asking[], verdicts: string[]][] = [
  ['address', 'each its own', [{ from: '192.0.2.1' }, { from: '192.0.2.1' }, { from: '192.0.2.1' }, { from: '192.0.2.2' }], ['pass', 'pass', limited, 'pass']],
  ['address', 'one address, two spellings', [{ from: '192.0.2.1' }, { from: '192.0.2.1' }, { from: '::ffff:192.0.2.1' }], ['pass', 'pass', limited]],
  ['address', 'one IPv6 network', [{ from: '2001:db8::1' }, { from: '2001:db8::2' }, { from: '2001:db8::3' }], ['pass', 'pass', limited]],
  ['route', 'all together', [{ from: '192.0.2.1' }, { from: '192.0.2.2' }, { from: '192.0.2.3' }], ['pass', 'pass', limited]],
  ['certificate', 'wherever it comes from', [
    { from: '192.0.2.1', certificate: shown('a') }, { from: '192.0.2.2', certificate: shown('a') },
    { from: '192.0.2.3', certificate: shown('a') }, { from: '192.0.2.3', certificate: shown('b') },
  ], ['pass', 'pass', limited, 'pass']],
  ['certificate', 'without one', [{ from: '192.0.2.1' }, { from: '192.0.2.1' }, { from: '192.0.2.1' }, { from: '192.0.2.2' }], ['pass', 'pass', limited, 'pass']],
]
for (const [by, name, deliveries, verdicts] of rows) {
  t.test(`${by}: ${name}`, async (t) => {
    const questions = questionsOf('rateLimit', { by, deliveries: 2, per: '1m' }, toolsFor({ neighbour: () => ({}) }))
    const answers: string[] = []
    for (const delivery of deliveries) answers.push(await verdictOf(questions, delivery))
    t.same(answers, verdicts)
  })
}

t.test('it says when to come again, and lets in then', async (t) => {
  const clock = new StillClock()
  const questions = questionsOf('rateLimit', { by: 'route', deliveries: 2, per: '1m' }, toolsFor({ clock }))
  t.equal(questions[0]?.stage, 'certificate')
  await ask(questions)
  await ask(questions)
  const { refusal } = await ask(questions)
  t.match(refusal, { status: 429, retryAfter: 30, facts: { by: 'route', deliveries: 2, per: 60_000 } })
  clock.advance(29_999)
  t.match((await ask(questions)).refusal, { retryAfter: 1 })
  clock.advance(1)
  t.equal(await verdictOf(questions), 'pass')
})

t.test('mistakes of the operator', async (t) => {
  const good = { by: 'route', deliveries: 1, per: '1s' }
  for (const wrong of [{ by: 'sender' }, { deliveries: 0 }, { deliveries: 1.5 }, { deliveries: 100_001 }, { per: 60 }, { burst: 3 }]) {
    t.equal(rateLimit.schema.safeParse({ ...good, ...wrong }).success, false, JSON.stringify(wrong))
  }
  const tools = toolsFor()
  rateLimit.compile({ by: 'certificate', deliveries: 1, per: 0 }, tools)
  t.match(tools.told, [{ path: ['per'] }, { path: ['by'] }])
})
