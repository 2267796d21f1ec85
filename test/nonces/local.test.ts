import t from 'tap'
import { StoreUnavailable, type Claim, type Nonce, type NonceStore } from '../../src/core/nonce.ts'
import { LocalStandIn, type SharedStore } from '../../src/nonces/local.ts'
import { memoryStore } from '../../src/nonces/memory.ts'
import { stillSubject } from '../contracts/still.ts'
import { nonceOf, testStore } from '../contracts/store.ts'
import { StillClock } from '../support/clock.ts'

/** A shared store that can be cut off. */
class Shared implements SharedStore {
  away = false
  /** The connection stands, whatever comes over it. */
  isReachable = true
  readonly told: string[] = []
  readonly #store: NonceStore

  constructor(clock: StillClock) {
    this.#store = memoryStore(clock)
  }

  claim = (nonce: Nonce, lease: number) => {
    this.#reach()
    const claimed = this.#store.claim(nonce, lease)
    if (!('commit' in claimed)) return claimed
    return {
      state: claimed.state,
      release: async () => { this.#reach(); return await claimed.release() },
      commit: async (outcome: { status: number; until: number }) => { this.#reach(); return await claimed.commit(outcome) },
    }
  }

  find = (nonce: Nonce) => {
    this.#reach()
    return this.#store.find(nonce)
  }

  remember = async (nonce: Nonce, outcome: { status: number; until: number }): Promise<void> => {
    this.#reach()
    const claimed = await this.#store.claim(nonce, 1_000)
    if (claimed.state === 'claimed') await claimed.commit(outcome)
    this.told.push(Buffer.from(nonce.key).toString('hex'))
  }

  close = () => this.#store.close()

  #reach(): void {
    if (this.away) throw new StoreUnavailable('cut off')
  }
}

const subject = stillSubject({
  name: 'local', survives: 'nothing',
  open: ({ clock }) => Promise.resolve(new LocalStandIn(new Shared(clock), clock)),
  crash: () => undefined,
  wipe: () => undefined,
})

await t.test('as every store, while the shared one answers', (t) => testStore(t, subject))

const outcome = (clock: StillClock) => ({ status: 200, until: clock.now() + 3_600_000 })

async function take(store: NonceStore, id: string): Promise<Claim & { standIn?: true }> {
  const claimed = await store.claim(nonceOf(id), 1_000)
  if (claimed.state !== 'claimed') throw new Error(claimed.state)
  return claimed
}

await t.test('while it does not answer, the own memory stands in, flagged', async (t) => {
  const clock = new StillClock()
  const shared = new Shared(clock)
  const gateway = new LocalStandIn(shared, clock)
  const before = await take(gateway, 'before')
  t.equal(before.standIn, undefined)
  await before.commit(outcome(clock))
  shared.away = true
  t.match(await gateway.claim(nonceOf('before'), 1_000), { state: 'committed' }, 'what this process accepted is known')
  const during = await take(gateway, 'during')
  t.equal(during.standIn, true)
  t.match(await gateway.claim(nonceOf('during'), 1_000), { state: 'in-flight', standIn: true })
  t.equal(await during.commit(outcome(clock)), true)
  t.match(await gateway.claim(nonceOf('during'), 1_000), { state: 'committed', standIn: true })
  const released = await take(gateway, 'released')
  await released.release()
  t.equal((await take(gateway, 'released')).standIn, true)
})

await t.test('afterwards it is told, so that other gateways know', async (t) => {
  const clock = new StillClock()
  const shared = new Shared(clock)
  const gateway = new LocalStandIn(shared, clock)
  shared.away = true
  await (await take(gateway, 'a')).commit(outcome(clock))
  await (await take(gateway, 'b')).commit(outcome(clock))
  shared.away = false
  t.equal((await take(gateway, 'c')).standIn, undefined)
  await new Promise((resume) => { setImmediate(resume) })
  t.equal(shared.told.length, 2)
  const other = new LocalStandIn(shared, clock)
  t.match(await other.claim(nonceOf('a'), 1_000), { state: 'committed', status: 200 })
})

await t.test('a shared store that goes away between claim and commit', async (t) => {
  const clock = new StillClock()
  const shared = new Shared(clock)
  const gateway = new LocalStandIn(shared, clock)
  const claim = await take(gateway, 'a')
  t.equal(claim.standIn, undefined)
  shared.away = true
  t.equal(await claim.commit(outcome(clock)), true)
  t.equal(claim.standIn, true, 'the claim says who kept it, whatever the store is like by then')
  t.match(await gateway.claim(nonceOf('a'), 1_000), { state: 'committed' })
})

await t.test('whoever wants the shared store alone has it', async (t) => {
  const clock = new StillClock()
  const shared = new Shared(clock)
  shared.away = true
  t.throws(() => new LocalStandIn(shared, clock).withoutStandIn.claim(nonceOf('a'), 1_000), StoreUnavailable)
})

await t.test('an own memory that is full leaves the rest to the shared store', async (t) => {
  const clock = new StillClock()
  const shared = new Shared(clock)
  const gateway = new LocalStandIn(shared, clock, 1)
  await (await take(gateway, 'a')).commit(outcome(clock))
  await (await take(gateway, 'b')).commit(outcome(clock))
  t.match(await gateway.claim(nonceOf('b'), 1_000), { state: 'committed' })
  shared.away = true
  await t.rejects(() => gateway.claim(nonceOf('c'), 1_000), StoreUnavailable)
  t.match(await gateway.claim(nonceOf('a'), 1_000), { state: 'committed' })
})
