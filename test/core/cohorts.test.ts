import t from 'tap'
import { inNextTurn, withCohort } from '../../src/core/cohorts.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

t.test('kind by kind, whoever came first; within a kind in the order in which they came', async (t) => {
  const ran: string[] = []
  const note = (what: string) => () => { ran.push(what) }
  for (const delivery of ['a', 'b']) {
    withCohort('to-senders', note(`${delivery} answered`))
    withCohort('records', note(`${delivery} recorded`))
    withCohort('to-receivers', note(`${delivery} sent`))
    withCohort('nonces', note(`${delivery} claimed`))
    withCohort('requests', note(`${delivery} read`))
    withCohort('responses', note(`${delivery} accepted`))
  }
  t.same(ran, [], 'nothing before the end of the turn')
  await turn()
  t.same(ran, ['accepted', 'read', 'claimed', 'sent', 'recorded', 'answered'].flatMap((what) => [`a ${what}`, `b ${what}`]))
})

t.test('what one kind leaves to a later one is done in the same turn, to an earlier or its own in the next', async (t) => {
  const ran: string[] = []
  withCohort('requests', () => {
    withCohort('to-receivers', () => { ran.push('sent') })
    withCohort('requests', () => { ran.push('read') })
    withCohort('responses', () => { ran.push('accepted') })
  })
  await turn()
  t.same(ran, ['sent'])
  await turn()
  t.same(ran, ['sent', 'accepted', 'read'])
})

t.test('whoever was promised a nonce goes on in the same turn', async (t) => {
  const ran: string[] = []
  const claimed = new Promise<void>((resolve) => { withCohort('nonces', resolve) })
  void claimed.then(() => {
    withCohort('to-receivers', () => { ran.push('sent') })
    withCohort('to-senders', () => { ran.push('answered') })
    withCohort('nonces', () => { ran.push('claimed') })
  })
  await turn()
  t.same(ran, ['sent', 'answered'])
  await turn()
  t.same(ran, ['sent', 'answered', 'claimed'])
})

t.test('the next turn comes when what came meanwhile was read: whether it is asked for before this turn\'s work or in it', async (t) => {
  const ran: string[] = []
  withCohort('records', () => inNextTurn(() => { ran.push('from within') }))
  inNextTurn(() => { ran.push('from before') })
  await turn()
  t.same(ran, [])
  await turn()
  t.same(ran, ['from before', 'from within'])
  inNextTurn(() => inNextTurn(() => { ran.push('two later') }))
  await turn()
  await turn()
  t.equal(ran.length, 2)
  await turn()
  t.equal(ran.length, 3)
})

t.test('what is ripe comes before the turn\'s own work: a connection is free again for the deliveries of that turn', async (t) => {
  const ran: string[] = []
  inNextTurn(() => { ran.push('free') })
  await turn()
  withCohort('responses', () => { ran.push('accepted') })
  await turn()
  t.same(ran, ['free', 'accepted'])
})

t.test('a thousand of a kind: the first does not wait for the last, and their order stays', async (t) => {
  const ran: string[] = []
  const all = Array.from({ length: 1_000 }, (_, at) => `${at}`)
  for (const one of all) withCohort('requests', () => { ran.push(one) })
  withCohort('to-receivers', () => { ran.push('sent') })
  await turn()
  const first = ran.indexOf('sent')
  t.ok(first > 0 && first < 100)
  while (ran.length < 1_001) await turn()
  t.same(ran.filter((one) => one !== 'sent'), all)
})
