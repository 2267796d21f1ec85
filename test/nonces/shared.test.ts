import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { StoreUnavailable, type NonceStore } from '../../src/core/nonce.ts'
import { fileStore, shareDirectory, type SharedDirectory } from '../../src/nonces/file.ts'
import { entryBytes } from '../../src/nonces/entry.ts'
import { joinDirectory, type SharedStoreTools } from '../../src/nonces/shared.ts'
import { systemWorld } from '../../src/world.ts'
import { tryStore } from '../contracts/model.ts'
import { stillSubject } from '../contracts/still.ts'
import { nonceOf, testStore } from '../contracts/store.ts'
import { stillWorld } from '../support/world.ts'
import { stateOf, take, taken } from './crew.ts'

const root = t.testdir()
const decade = 10_000 * 3_600_000
let made = 0
const fresh = (): string => join(root, String(++made))

/** Several workers as one store: each question goes to the next of them; one that crashes is replaced. */
function crewOf(workers: number, fill: SharedStoreTools['fill']) {
  let directory = fresh()
  let taken: SharedDirectory | undefined
  let stores: NonceStore[] = []
  let turn = 0
  let crashed = false
  const subject = stillSubject({
    name: `${workers} workers`, survives: 'everything',
    open: async (tools) => {
      taken ??= await shareDirectory(directory, tools)
      const join = (): NonceStore => joinDirectory(directory, taken?.run ?? '', { ...tools, ...fill && { fill } })
      while (stores.length < workers) stores.push(join())
      return {
        claim: (nonce, lease) => (stores[turn++ % workers] as NonceStore).claim(nonce, lease),
        find: (nonce) => (stores[turn++ % workers] as NonceStore).find(nonce),
        // Of a crew that lost one the others serve on.
        close: async () => {
          const all = crashed ? [] : stores
          crashed = false
          await Promise.all(all.map((store) => store.close()))
        },
      }
    },
    // One worker is gone without a word, the next one to be asked.
    crash: () => {
      crashed = true
      void stores.splice(turn % workers, 1)[0]?.close()
    },
    wipe: async () => {
      const gone = [...stores]
      stores = []
      void gone.map((store) => store.close())
      await taken?.close()
      taken = undefined
      directory = fresh()
    },
  })
  // Workers look at the journal each second: of a decade only that it has passed.
  const advance = (time: number): void => { time > decade ? subject.clock.stall(time) : subject.clock.advance(time) }
  return { ...subject, advance }
}

await t.test('as every store', (t) => testStore(t, crewOf(1, undefined)))
await t.test('as every store, every question asked of another worker', (t) => testStore(t, crewOf(3, undefined)))
for (const [workers, entries] of [[1, 1_000], [2, 1_000], [3, 1_000], [3, 6]] as const) {
  await t.test(`against the model: ${workers} workers, ${entries} entries a file`, async (t) => {
    await tryStore(crewOf(workers, { bytes: entries * entryBytes, age: 3_600_000 }), 300)
    t.pass('no interleaving breaks an invariant')
  })
}

async function start(t: Test, directory: string, run: string, count: number): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, 'claiming-process.ts'), [directory, run, String(count)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child, 'message')
  return child
}

await t.test('processes that claim the same at once: each is granted to one, and a kill -9 loses no commit', async (t) => {
  const { directory, run } = await taken(t, systemWorld, fresh())
  const count = 3_000
  const children = await Promise.all(Array.from({ length: 3 }, () => start(t, directory, run, count)))
  const claimed: number[] = []
  const committed = new Set<number>()
  const ended = children.map((child, at) => new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.on('message', (said: string | { readonly claimed?: number; readonly committed?: number }) => {
      if (typeof said === 'string') return resolve()
      if (said.claimed !== undefined) claimed.push(said.claimed)
      if (said.committed !== undefined) committed.add(said.committed)
      if (at === 0 && claimed.length > count / 3) child.kill('SIGKILL')
    })
  }))
  for (const child of children) child.send('go')
  await Promise.all(ended)
  t.equal(new Set(claimed).size, claimed.length, 'none was granted twice')
  const store = joinDirectory(directory, run, systemWorld)
  const states = await Promise.all([...committed].map((id) => store.claim(nonceOf(String(id)), 1_000)))
  t.same(states.filter((claim) => claim.state !== 'committed' || claim.status !== 201), [], `${committed.size} commits are there`)
  const held = claimed.filter((id) => id % 3 !== 0)
  const others = await Promise.all(held.map((id) => store.claim(nonceOf(String(id)), 1_000)))
  t.same(others.filter(({ state }) => state !== 'in-flight'), [], 'what the dead had claimed holds until its lease')
  await store.close()
})

await t.test('a late commit counts where another worker had the nonce and gave it back a moment ago', async (t) => {
  const world = stillWorld()
  const { directory, run } = await taken(t, world, fresh())
  const [one, other] = [joinDirectory(directory, run, world), joinDirectory(directory, run, world)]
  const late = await take(one, 'a', 10_000)
  world.clock.advance(100_000)
  const held = await take(other, 'a', 10_000)
  world.clock.advance(1_000) // everybody has looked, and knows of this claim
  t.equal(await held.release(), true)
  t.equal(await late.commit({ status: 200, until: world.clock.now() + 60_000 }), true)
  t.equal(await stateOf(other, 'a'), 'committed')
  await Promise.all([one.close(), other.close()])
})

await t.test('what another worker found ended is not remembered by one that has not read so, and whose clock went back since', async (t) => {
  const world = stillWorld()
  const { directory, run } = await taken(t, world, fresh())
  const [one, other] = [joinDirectory(directory, run, world), joinDirectory(directory, run, world)]
  await (await take(one, 'a')).commit({ status: 200, until: world.clock.now() + 2_500 })
  world.clock.advance(2_500)
  t.equal(await (await take(one, 'a')).release(), true, 'the receiver did not accept it this time')
  world.clock.step(-500)
  t.equal(await stateOf(other, 'a'), 'claimed')
  await Promise.all([one.close(), other.close()])
})

await t.test('a worker that stands still holds nobody up', async (t) => {
  const { directory, run } = await taken(t, systemWorld, fresh())
  const child = await start(t, directory, run, 10)
  child.kill('SIGSTOP')
  const store = joinDirectory(directory, run, systemWorld)
  t.equal(await (await take(store, 'a', 60_000)).commit({ status: 200, until: Date.now() + 60_000 }), true)
  await store.close()
})

await t.test('workers that outlived their first process are shut out, and what they wrote until then counts', async (t) => {
  const world = stillWorld()
  const { directory, run, end } = await taken(t, world, fresh())
  const orphan = joinDirectory(directory, run, world)
  const late = await take(orphan, 'late', 5_000)
  await (await take(orphan, 'before')).commit({ status: 202, until: world.clock.now() + 60_000 })
  await end()
  const second = await shareDirectory(directory, world)
  const worker = joinDirectory(directory, second.run, world)
  t.match(await worker.claim(nonceOf('before'), 1_000), { state: 'committed', status: 202 })
  t.match(await worker.claim(nonceOf('late'), 1_000), { state: 'in-flight' }, 'its delivery may be with the receiver yet')
  await t.rejects(async () => { await late.commit({ status: 200, until: world.clock.now() + 60_000 }) }, StoreUnavailable, 'no 2xx for its sender')
  await t.rejects(async () => { await orphan.claim(nonceOf('new'), 1_000) }, StoreUnavailable)
  t.match(await worker.claim(nonceOf('new'), 1_000), { state: 'claimed' })
  world.clock.advance(5_000)
  t.match(await worker.claim(nonceOf('late'), 1_000), { state: 'claimed' })
  await t.rejects(async () => joinDirectory(directory, run, world), StoreUnavailable, 'nobody joins the run that is over')
  void worker.close()
  world.clock.advance(5_000)
  await second.close()
})

await t.test('one process takes over from several, and several from one', async (t) => {
  const world = stillWorld()
  const { directory, run, end } = await taken(t, world, fresh())
  const until = world.clock.now() + 600_000
  const worker = joinDirectory(directory, run, world)
  await (await take(worker, 'by a worker')).commit({ status: 203, until })
  const open = await take(worker, 'under way', 5_000)
  await end()
  const alone = await fileStore(directory, world)
  t.match(await alone.claim(nonceOf('by a worker'), 1_000), { state: 'committed', status: 203 })
  t.match(await alone.claim(nonceOf('under way'), 1_000), { state: 'in-flight' })
  await t.rejects(async () => { await open.commit({ status: 200, until }) }, StoreUnavailable)
  world.clock.advance(5_000)
  await (await take(alone, 'under way')).commit({ status: 204, until })
  await (await take(alone, 'alone')).commit({ status: 205, until })
  await alone.close()
  const again = await shareDirectory(directory, world)
  const next = joinDirectory(directory, again.run, world)
  for (const [id, status] of [['by a worker', 203], ['under way', 204], ['alone', 205]] as const) {
    t.match(await next.claim(nonceOf(id), 1_000), { state: 'committed', status, material: 'same' })
    t.match(await next.claim(nonceOf(id, 'signed anew'), 1_000), { state: 'committed', status, material: 'other' })
  }
  await next.close()
  await again.close()
})

for (const failure of ['full', 'half', 'nothing'] as const) {
  await t.test(`a disk that takes ${failure === 'full' ? 'no more' : failure}: unavailable, until it takes it again`, async (t) => {
    const world = stillWorld()
    const { directory, run } = await taken(t, world, fresh())
    let fails = false
    const append = ((file: number, bytes: Uint8Array) => {
      if (!fails) return writeSync(file, bytes)
      if (failure === 'nothing') return 0
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    }) as typeof writeSync
    const store = joinDirectory(directory, run, { ...world, append })
    const other = joinDirectory(directory, run, world)
    const until = world.clock.now() + 600_000
    await (await take(store, 'before')).commit({ status: 200, until })
    const claim = await take(store, 'during', 60_000)
    fails = failure === 'full'
    if (failure === 'full') {
      await t.rejects(async () => { await claim.commit({ status: 201, until }) }, StoreUnavailable, 'it does not say yes')
      await t.rejects(async () => { await store.claim(nonceOf('another'), 1_000) }, StoreUnavailable, 'nothing new is let in')
      t.match(await other.claim(nonceOf('during'), 1_000), { state: 'in-flight' })
      fails = false
      world.clock.advance(100)
      t.match(await other.claim(nonceOf('during'), 1_000), { state: 'committed', status: 201 }, 'it is written as soon as that goes')
    } else {
      fails = true
      if (failure === 'nothing') await t.rejects(async () => { await store.claim(nonceOf('torn'), 1_000) }, StoreUnavailable)
      fails = false
      if (failure === 'half') {
        let once = true
        const broken = joinDirectory(directory, run, {
          ...world, append: ((file: number, bytes: Uint8Array) => {
            if (!once) return writeSync(file, bytes)
            once = false
            return writeSync(file, bytes.subarray(0, 20))
          }) as typeof writeSync,
        })
        t.equal((await take(broken, 'torn')).state, 'claimed', 'a write that broke off is made again, in a file behind')
        void broken.close()
        t.match(await other.claim(nonceOf('torn'), 1_000), { state: 'in-flight' })
      }
      t.equal(await claim.commit({ status: 201, until }), true, 'the others go there, too')
      t.match(await other.claim(nonceOf('during'), 1_000), { state: 'committed', status: 201 })
    }
    void Promise.all([store.close(), other.close()])
    world.clock.advance(60_000)
  })
}

await t.test('files go when everything in them has ended, and workers that had nothing to do find on', async (t) => {
  const world = stillWorld()
  const hour = 3_600_000
  const { directory, run } = await taken(t, world, fresh())
  const busy = joinDirectory(directory, run, world)
  const idle = joinDirectory(directory, run, { ...world, clock: { ...world.clock, now: world.clock.now, monotonic: world.clock.monotonic, after: () => () => undefined } })
  for (let age = 0; age < 50; age++) {
    await (await take(busy, String(age))).commit({ status: 200, until: world.clock.now() + 10 * hour })
    world.clock.advance(hour)
    const files = readdirSync(directory).filter((name) => name.endsWith('.nonces')).length
    t.ok(files <= 13, `${files} files after ${age} hours`)
  }
  t.match(await idle.claim(nonceOf('49'), 1_000), { state: 'committed' }, 'files between were gone already')
  t.match(await busy.claim(nonceOf('0'), 1_000), { state: 'claimed' })
  t.match(await idle.claim(nonceOf('0'), 1_000), { state: 'in-flight' })
  void Promise.all([busy.close(), idle.close()])
  world.clock.advance(1_000)
})

await t.test('a full store says so, and has place again when something has ended', async (t) => {
  const world = stillWorld()
  const { directory, run } = await taken(t, world, fresh())
  const store = joinDirectory(directory, run, { ...world, capacity: 2 })
  await (await take(store, 'a')).commit({ status: 200, until: world.clock.now() + 10_000 })
  const held = await take(store, 'b')
  await t.rejects(async () => { await store.claim(nonceOf('c'), 1_000) }, StoreUnavailable)
  await held.release()
  await (await take(store, 'c')).release()
  await store.close()
})

await t.test('a full store has place again when what was accepted has ended, though nobody is let in meanwhile', async (t) => {
  const world = stillWorld()
  const { directory, run } = await taken(t, world)
  const [store, other] = [1, 2].map(() => joinDirectory(directory, run, { ...world, capacity: 2 })) as [NonceStore, NonceStore]
  for (const id of ['a', 'b']) await (await take(store, id)).commit({ status: 200, until: world.clock.now() + 10_000 })
  for (let passed = 0; passed < 10; passed++) {
    for (const one of [store, other]) await t.rejects(async () => { await one.claim(nonceOf('c'), 1_000) }, StoreUnavailable)
    world.clock.advance(1_000)
  }
  await (await take(other, 'c')).release()
  t.equal(await stateOf(store, 'c'), 'claimed')
  await Promise.all([store.close(), other.close()])
})

await t.test('a wall clock that leaps is not believed by a worker that comes later', async (t) => {
  const world = stillWorld()
  const { directory, run } = await taken(t, world, fresh())
  const first = joinDirectory(directory, run, world)
  await (await take(first, 'a')).commit({ status: 200, until: world.clock.now() + 600_000 })
  world.clock.step(3_600_000)
  const later = joinDirectory(directory, run, world)
  t.match(await later.claim(nonceOf('a'), 1_000), { state: 'committed' })
  t.match(await first.claim(nonceOf('a'), 1_000), { state: 'committed' })
  await Promise.all([first.close(), later.close()])
})
