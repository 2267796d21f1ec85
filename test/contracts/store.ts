import { createHash } from 'node:crypto'
import type { Test } from 'tap'
import { forever, StoreUnavailable, type Claim, type Claimed, type Nonce, type NonceStore } from '../../src/core/nonce.ts'

/** A store as the suites below use it. */
export interface StoreUnderTest {
  readonly name: string
  /** By how much a length of time may be off: nothing where the clock stands still, some milliseconds where it is real. */
  readonly grain: number
  /** The wall clock of the gateway. */
  readonly now: () => number
  /** Time passes for the store. */
  readonly advance: (milliseconds: number) => Promise<void> | void
  /** Opens it, with what is left of the last time. */
  readonly open: () => Promise<NonceStore>
  /** The process that has it open is gone without a word. */
  readonly crash: (store: NonceStore) => Promise<void> | void
  /** Forgets everything. */
  readonly wipe: () => Promise<void> | void
  /** What outlives the process. */
  readonly survives: 'nothing' | 'commits' | 'everything'
}

export function nonceOf(id: string, material = id, passesUntil?: number): Nonce {
  return { key: sha256(id), print: sha256(material), passesUntil }
}

function sha256(text: string): Uint8Array {
  return createHash('sha256').update(text).digest()
}

const lease = 10_000
const hour = 3_600_000

/** What every store does, one case a sentence. */
export async function testStore(t: Test, subject: StoreUnderTest): Promise<void> {
  const { advance, now, grain } = subject

  async function claim(store: NonceStore, nonce: Nonce): Promise<Claimed> {
    return await store.claim(nonce, lease)
  }

  async function take(store: NonceStore, nonce: Nonce): Promise<Claim> {
    const claimed = await claim(store, nonce)
    if (claimed.state !== 'claimed') throw new Error(`expected a claim, not ${claimed.state}`)
    return claimed
  }

  const accepted = (status = 200) => ({ status, until: now() + hour })

  async function each(name: string, run: (t: Test, store: NonceStore) => Promise<void>): Promise<void> {
    await t.test(name, async (asserts) => {
      await subject.wipe()
      const store = await subject.open()
      await run(asserts, store)
      await subject.crash(store)
    })
  }

  await each('a claim holds off others until it is released', async (t, store) => {
    const claim = await take(store, nonceOf('a'))
    t.equal((await store.claim(nonceOf('a'), lease)).state, 'in-flight')
    t.equal((await store.claim(nonceOf('b'), lease)).state, 'claimed')
    t.equal(await claim.release(), true)
    t.equal((await store.claim(nonceOf('a'), lease)).state, 'claimed')
  })

  await each('a commit is remembered with its status and its material', async (t, store) => {
    const first = await take(store, nonceOf('a', 'one'))
    t.equal(await first.commit(accepted(204)), true)
    t.match(await claim(store, nonceOf('a', 'one')), { state: 'committed', status: 204, material: 'same' })
    t.match(await claim(store, nonceOf('a', 'two')), { state: 'committed', status: 204, material: 'other' })
  })

  await each('of 25 claims at once one is granted', async (t, store) => {
    const claims = await Promise.all(Array.from({ length: 25 }, async () => await claim(store, nonceOf('a'))))
    t.equal(claims.filter(({ state }) => state === 'claimed').length, 1)
    t.equal(claims.filter(({ state }) => state === 'in-flight').length, 24)
  })

  await each('a claim lapses with its lease, and not before', async (t, store) => {
    await take(store, nonceOf('a'))
    await advance(lease - 1 - grain)
    t.equal((await claim(store, nonceOf('a'))).state, 'in-flight')
    await advance(1 + grain)
    t.equal((await claim(store, nonceOf('a'))).state, 'claimed')
  })

  await each('a late commit counts where nobody took over', async (t, store) => {
    const late = await take(store, nonceOf('a'))
    await advance(lease + 1)
    t.equal(await late.commit(accepted(201)), true)
    t.match(await claim(store, nonceOf('a')), { state: 'committed', status: 201 })
  })

  await each('a late release says so, and frees nothing that is not its own', async (t, store) => {
    const late = await take(store, nonceOf('a'))
    await advance(lease + 1)
    await take(store, nonceOf('a'))
    t.equal(await late.release(), false)
    t.equal((await claim(store, nonceOf('a'))).state, 'in-flight')
  })

  await each('a late commit changes nothing for who took over', async (t, store) => {
    const late = await take(store, nonceOf('a', 'one'))
    await advance(lease + 1)
    const owner = await take(store, nonceOf('a', 'two'))
    t.equal(await late.commit(accepted(201)), false)
    t.equal((await claim(store, nonceOf('a'))).state, 'in-flight')
    t.equal(await owner.commit(accepted(202)), true)
    t.match(await claim(store, nonceOf('a', 'two')), { state: 'committed', status: 202, material: 'same' })
  })

  await each('a late commit changes nothing after another commit', async (t, store) => {
    const late = await take(store, nonceOf('a'))
    await advance(lease + 1)
    await (await take(store, nonceOf('a'))).commit(accepted(202))
    t.equal(await late.commit(accepted(201)), false)
    t.match(await claim(store, nonceOf('a')), { state: 'committed', status: 202 })
  })

  await each('a late commit counts after who took over let go', async (t, store) => {
    const late = await take(store, nonceOf('a'))
    await advance(lease + 1)
    await (await take(store, nonceOf('a'))).release()
    t.equal(await late.commit(accepted(201)), true)
    t.match(await claim(store, nonceOf('a')), { state: 'committed', status: 201 })
  })

  await each('a claim is settled once', async (t, store) => {
    const claimed = await take(store, nonceOf('a'))
    t.equal(await claimed.commit(accepted(200)), true)
    t.equal(await claimed.commit(accepted(201)), false)
    t.equal(await claimed.release(), false)
    t.match(await claim(store, nonceOf('a')), { state: 'committed', status: 200 })
    const released = await take(store, nonceOf('b'))
    t.equal(await released.release(), true)
    t.equal(await released.commit(accepted()), false)
    t.equal((await claim(store, nonceOf('b'))).state, 'claimed')
  })

  await each('a commit is forgotten at its end, and not before', async (t, store) => {
    for (const id of ['before', 'at', 'after']) await (await take(store, nonceOf(id))).commit(accepted())
    await advance(hour - 1 - grain)
    t.equal((await claim(store, nonceOf('before'))).state, 'committed')
    await advance(1 + grain)
    t.equal((await claim(store, nonceOf('at'))).state, 'claimed')
    await advance(1)
    t.equal((await claim(store, nonceOf('after'))).state, 'claimed')
  })

  await each('what was committed is found without a claim, and nothing else is', async (t, store) => {
    t.same(await store.find(nonceOf('a', 'one')), { state: 'unknown' })
    const claimed = await take(store, nonceOf('a', 'one'))
    t.same(await store.find(nonceOf('a', 'one')), { state: 'unknown' }, 'a claim is no commit')
    await claimed.commit(accepted(204))
    t.match(await store.find(nonceOf('a', 'one')), { state: 'committed', status: 204, material: 'same' })
    t.match(await store.find(nonceOf('a', 'two')), { state: 'committed', status: 204, material: 'other' })
    t.equal((await claim(store, nonceOf('b'))).state, 'claimed', 'who looks takes nothing')
  })

  await each('what is kept forever outlives everything else, and keeps nothing else alive', async (t, store) => {
    await (await take(store, nonceOf('forever'))).commit({ status: 200, until: forever })
    await (await take(store, nonceOf('an hour'))).commit(accepted())
    await advance(hour + grain)
    t.equal((await store.find(nonceOf('an hour'))).state, 'unknown')
    await advance(100_000 * hour)
    t.match(await store.find(nonceOf('forever')), { state: 'committed', material: 'same' })
  })

  await each('keys that differ in one bit are different', async (t, store) => {
    const nonce = nonceOf('a')
    await (await take(store, nonce)).commit(accepted())
    for (let byte = 0; byte < 16; byte++) {
      const key = Uint8Array.from(nonce.key)
      key[byte] = (key[byte] as number) ^ 1
      t.equal((await claim(store, { ...nonce, key })).state, 'claimed', `byte ${byte}`)
    }
  })

  await each(`a crash loses ${subject.survives === 'nothing' ? 'everything' : 'no commit'}`, async (t, store) => {
    await (await take(store, nonceOf('committed'))).commit(accepted(204))
    await take(store, nonceOf('claimed'))
    await subject.crash(store)
    const again = await subject.open()
    const commit = await claim(again, nonceOf('committed'))
    t.match(commit, subject.survives === 'nothing' ? { state: 'claimed' } : { state: 'committed', status: 204, material: 'same' })
    t.equal((await claim(again, nonceOf('claimed'))).state, subject.survives === 'everything' ? 'in-flight' : 'claimed')
    await advance(lease + 1)
    t.equal((await claim(again, nonceOf('claimed'))).state, 'claimed', 'at the latest when the lease lapses')
    await subject.crash(again)
  })

  await each('a closed store is unavailable, and lets settle what was claimed', async (t, store) => {
    const claimed = await take(store, nonceOf('a'))
    const closing = store.close()
    await t.rejects(() => claim(store, nonceOf('b')), StoreUnavailable)
    t.equal(await claimed.commit(accepted()), true)
    await closing
    await t.rejects(() => claim(store, nonceOf('b')), StoreUnavailable)
  })
}
