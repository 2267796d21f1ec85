import t from 'tap'
import { from } from '../../src/checks/from.ts'
import { compileRanges } from '../../src/addresses/ranges.ts'
import { ask, questionsOf, toolsFor, verdictOf } from '../support/checks.ts'

const rows: [sources: string[], address: string, verdict: string][] = [
  [['203.0.113.0/24'], '203.0.113.7', 'pass'],
  [['203.0.113.0/24'], '::ffff:203.0.113.7', 'pass'],
  [['203.0.113.0/24'], '203.0.114.7', 'source-not-allowed'],
  [['203.0.113.0/24', '198.51.100.1'], '198.51.100.1', 'pass'],
  [['203.0.113.0/24'], '2002:cb00:7107::1', 'source-not-allowed'],
  [['203.0.113.0/24'], '64:ff9b::203.0.113.7', 'source-not-allowed'],
  [['203.0.113.0/24'], '::203.0.113.7', 'source-not-allowed'],
  [['2001:db8::/32'], '2001:db8::7', 'pass'],
  [['::/0'], '203.0.113.7', 'source-not-allowed'],
]
for (const [sources, address, verdict] of rows) {
  t.test(`${address} from ${sources.join(' ')}`, async (t) => t.equal(await verdictOf(questionsOf('from', sources), { from: address }), verdict))
}

t.test('how a refusal looks, and what stands in the record', async (t) => {
  const questions = questionsOf('from', ['203.0.113.0/24'])
  t.equal(questions[0]?.stage, 'connection')
  const { refusal } = await ask(questions, { from: '::ffff:192.0.2.1' })
  t.equal(refusal?.status, 403)
  t.same(refusal?.facts, { address: '192.0.2.1' })
  const { trail } = await ask(questions, { from: '203.0.113.7' })
  t.match(trail[0]?.verdict, { facts: { address: '203.0.113.7', range: '203.0.113.0/24' } })
})

t.test('a feed is asked anew each time', async (t) => {
  let ranges = compileRanges(['198.51.100.0/24'])
  const tools = toolsFor({ feed: (name) => (name === 'stripe' ? (address) => ranges(address) : undefined) })
  const questions = questionsOf('from', ['203.0.113.0/24', '@stripe'], tools)
  t.equal(await verdictOf(questions, { from: '198.51.100.1' }), 'pass')
  t.equal(await verdictOf(questions, { from: '203.0.113.1' }), 'pass')
  t.equal(await verdictOf(questions, { from: '192.0.2.1' }), 'source-not-allowed')
  ranges = compileRanges(['192.0.2.0/24'])
  t.equal(await verdictOf(questions, { from: '198.51.100.1' }), 'source-not-allowed')
  t.equal(await verdictOf(questions, { from: '192.0.2.1' }), 'pass')
})

t.test('a feed that is not there', async (t) => {
  const tools = toolsFor()
  from.compile(['@stripe'], tools)
  t.match(tools.told, [{ path: [0], what: /feeds/ }])
})

t.test('mistakes of the operator', async (t) => {
  const refused = [[], [''], ['203.0.113.7/24'], ['010.0.0.1'], ['10.0.0'], ['fe80::1%eth0'], ['@'], ['@Stripe'], ['stripe'], '203.0.113.7', [1]]
  for (const written of refused) t.equal(from.schema.safeParse(written).success, false, JSON.stringify(written))
  const { error } = from.schema.safeParse(['203.0.113.7/24'])
  t.match(JSON.stringify(error?.issues), /write 203\.0\.113\.0\/24/)
})
