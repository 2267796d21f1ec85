import t from 'tap'
import { StoreUnavailable, type Claim } from '../../src/core/nonce.ts'
import { memoryStore } from '../../src/nonces/memory.ts'
import { tryStore } from '../contracts/model.ts'
import { stillSubject } from '../contracts/still.ts'
import { nonceOf, testStore } from '../contracts/store.ts'
import { StillClock } from '../support/clock.ts'

const subject = stillSubject({
  name: 'memory:', survives: 'nothing',
  open: ({ clock }) => Promise.resolve(memoryStore(clock)),
  crash: () => undefined,
  wipe: () => undefined,
})

await t.test('as every store', (t) => testStore(t, subject))
await t.test('against the model', (t) => tryStore(subject, 2_000).then(() => t.pass('no interleaving breaks an invariant')))

await t.test('what had ended and was claimed anew is not remembered where the clock goes back since', async (t) => {
  const clock = new StillClock()
  const store = memoryStore(clock)
  const take = async (): Promise<Claim> => await store.claim(nonceOf('a'), 10_000) as Claim
  await (await take()).commit({ status: 200, until: clock.now() + 2_001 })
  clock.advance(2_006)
  const again = await take()
  clock.step(-6)
  t.match(store.claim(nonceOf('a'), 10_000), { state: 'in-flight' })
  t.equal(await again.release(), true)
  t.match(store.claim(nonceOf('a'), 10_000), { state: 'claimed' }, 'the receiver did not accept it this time')
})

await t.test('a full store refuses what is new, and forgets nothing that is live', async (t) => {
  for (const capacity of [1, 3, 100]) {
    const clock = new StillClock()
    const store = memoryStore(clock, capacity)
    for (let id = 0; id < capacity; id++) {
      const claim = await store.claim(nonceOf(String(id)), 1_000)
      if (claim.state !== 'claimed') throw new Error(claim.state)
      if (id % 2 === 0) await claim.commit({ status: 200, until: clock.now() + 5_000 })
    }
    t.throws(() => store.claim(nonceOf('one too many'), 1_000), StoreUnavailable, `${capacity} are held, and no more`)
    t.match(store.claim(nonceOf('0'), 1_000), { state: 'committed' }, 'what is held is known')
    clock.advance(5_000)
    t.match(store.claim(nonceOf('one too many'), 1_000), { state: 'claimed' }, 'what has expired makes room')
  }
})
