import { fork } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readdirSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { forever, StoreUnavailable, type Claimed, type NonceStore } from '../../src/core/nonce.ts'
import { entryBytes, EntryWriter } from '../../src/nonces/entry.ts'
import { fileStore } from '../../src/nonces/file.ts'
import { headerNow, writeHeader } from '../../src/nonces/header.ts'
import { segmentName } from '../../src/nonces/journal.ts'
import { joinDirectory } from '../../src/nonces/shared.ts'
import { systemWorld } from '../../src/world.ts'
import { nonceOf } from '../contracts/store.ts'
import { stillWorld, type StillWorld } from '../support/world.ts'
import { stateOf, take, taken } from './crew.ts'

const hour = 3_600_000

/** A world whose timers never run: a worker that never looks by itself. */
const dozing = (world: StillWorld): StillWorld => ({ ...world, clock: Object.assign(Object.create(world.clock) as StillWorld['clock'], { after: () => () => undefined }) })

const filesIn = (directory: string): string[] => readdirSync(directory).filter((name) => name.endsWith('.nonces')).sort()

async function accept(store: NonceStore, id: string, until: number): Promise<void> {
  if (!await (await take(store, id)).commit({ status: 200, until })) throw new Error(`${id} was not committed`)
}

await t.test('what one worker accepted every other one finds at once, over the ends of files, and makes none', async (t) => {
  const world = stillWorld()
  const { directory, run } = await taken(t, world)
  const fill = { bytes: 4 * entryBytes, age: 10 * hour }
  const busy = joinDirectory(directory, run, { ...world, fill })
  const other = joinDirectory(directory, run, { ...dozing(world), fill })
  for (let id = 0; id < 20; id++) {
    t.same(await other.find(nonceOf(String(id))), { state: 'unknown' })
    const claim = await take(busy, String(id))
    t.same(await other.find(nonceOf(String(id))), { state: 'unknown' }, 'a claim is no commit')
    await claim.commit({ status: 204, until: id % 2 === 0 ? forever : world.clock.now() + hour })
    const files = filesIn(directory)
    t.match(await other.find(nonceOf(String(id))), { state: 'committed', status: 204, material: 'same' })
    t.match(await other.find(nonceOf(String(id), 'signed anew')), { state: 'committed', material: 'other' })
    t.same(filesIn(directory), files)
  }
  await Promise.all([busy.close(), other.close()])
  t.throws(() => other.find(nonceOf('0')), StoreUnavailable, 'not when it is closed')
})

await t.test('who looks goes on behind what broke off, where somebody has gone on, and waits where nobody has', async (t) => {
  const world = stillWorld()
  const { directory, run } = await taken(t, world)
  const [one, other] = [joinDirectory(directory, run, world), joinDirectory(directory, run, dozing(world))]
  await accept(one, 'before', world.clock.now() + hour)
  appendFileSync(join(directory, segmentName(1)), 'foreign bytes')
  t.match(await other.find(nonceOf('before')), { state: 'committed' })
  t.match(await other.find(nonceOf('after')), { state: 'unknown' })
  t.equal(filesIn(directory).length, 1, 'who looks makes nothing')
  await accept(one, 'after', world.clock.now() + hour)
  t.match(await other.find(nonceOf('after')), { state: 'committed' })
  await Promise.all([one.close(), other.close()])
})

await t.test('where the journal is not what it was, a worker says nothing any more: each time, and for claims, too', async (t) => {
  const first = (directory: string): string => join(directory, segmentName(1))
  const spoils: [string, (directory: string, one: NonceStore) => void, RegExp][] = [
    ['another run has gone on', (directory) => {
      writeFileSync(join(directory, segmentName(2)), writeHeader(headerNow({ run: '0b'.repeat(8), boot: '0c'.repeat(8), writers: 'shared' }, systemWorld.clock)))
      appendFileSync(first(directory), new EntryWriter().seal().bytes)
    }, /another run of the gateway has the nonces/],
    ['what follows is no file of ours', (directory) => {
      writeFileSync(join(directory, segmentName(2)), 'something else')
      appendFileSync(first(directory), new EntryWriter().seal().bytes)
    }, /000000000002\.nonces is damaged at byte 0/],
    ['entries were taken away under it, and another worker went on', (directory, one) => {
      truncateSync(first(directory), 3 * entryBytes)
      void one.claim(nonceOf('c'), 1_000)
      void one.find(nonceOf('c')) // what it has to tell is told by then
      truncateSync(first(directory), 3 * entryBytes)
      appendFileSync(first(directory), 'no entry')
    }, /000000000001\.nonces is damaged at byte 192/],
  ]
  for (const [what, spoil, why] of spoils) {
    const world = stillWorld()
    const { directory, run, end } = await taken(t, world)
    const [one, other] = [joinDirectory(directory, run, world), joinDirectory(directory, run, dozing(world))]
    await accept(one, 'a', world.clock.now() + hour)
    t.match(await other.find(nonceOf('a')), { state: 'committed' })
    await accept(one, 'b', world.clock.now() + hour)
    spoil(directory, one)
    for (let nth = 0; nth < 2; nth++) {
      t.throws(() => other.find(nonceOf('a')), { name: 'StoreUnavailable', message: why }, what)
      await t.rejects(async () => { await other.claim(nonceOf('new'), 1_000) }, StoreUnavailable)
    }
    void Promise.all([one.close(), other.close()])
    world.clock.advance(1_000)
    await end()
  }
})

await t.test('who comes while files are filled and followed by others finds all that was accepted before', async (t) => {
  const { directory, run } = await taken(t, systemWorld)
  const children = [0, 1].map(() => fork(join(import.meta.dirname, 'claiming-process.ts'), [directory, run, '4000', '12'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }))
  t.teardown(() => { for (const child of children) child.kill('SIGKILL') })
  await Promise.all(children.map((child) => once(child, 'message')))
  const committed: number[] = []
  for (const child of children) {
    child.on('message', (said: { readonly committed?: number }) => { if (said.committed !== undefined) committed.push(said.committed) })
    child.send('go')
  }
  let asked = 0
  let done = 0
  for (const child of children) child.on('message', (said) => { if (said === 'done') done++ })
  // Where the others were done sooner than somebody came a few times, somebody comes all the same.
  for (let nth = 0; done < 2 || asked <= 1_000; nth++) {
    await new Promise((resolve) => { setImmediate(resolve) })
    const known = committed.slice(-200)
    const store = joinDirectory(directory, run, { ...systemWorld, fill: { bytes: 12 * entryBytes, age: hour } })
    for (const id of known) if (!isCommitted(store, id)) t.fail(`${id} is not known to the ${nth}th`)
    asked += known.length
    await store.close()
  }
  for (const child of children) {
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  t.ok(asked > 1_000, `${asked} were asked for, in ${filesIn(directory).length} files`)

  function isCommitted(store: NonceStore, id: number): boolean {
    const found = store.find(nonceOf(String(id)))
    return 'state' in found && found.state === 'committed'
  }
})

await t.test('who loses a race at the end of a file writes nothing to the next: read alone, that one would not tell who won', async (t) => {
  const world = stillWorld()
  const { directory, run } = await taken(t, world)
  const fill = { bytes: 3 * entryBytes, age: 10 * hour }
  const winner = joinDirectory(directory, run, { ...dozing(world), fill })
  let won: Claimed | Promise<Claimed> | undefined
  const append = ((file: number, bytes: Uint8Array) => {
    if (won === undefined) {
      won = winner.claim(nonceOf('x'), 1_000)
      void winner.find(nonceOf('x')) // what it has to tell is told by then
      for (const id of ['fills the file', 'goes on to the next']) {
        void winner.claim(nonceOf(id), 1_000)
        void winner.find(nonceOf(id))
      }
    }
    return writeSync(file, bytes)
  }) as typeof writeSync
  const loser = joinDirectory(directory, run, { ...dozing(world), fill, append })
  t.same(await loser.claim(nonceOf('x'), 60_000), { state: 'in-flight' })
  const claim = await won
  t.equal(filesIn(directory).length, 2)
  if (claim?.state === 'claimed') t.equal(await claim.commit({ status: 202, until: world.clock.now() + hour }), true)
  world.clock.advance(2_000)
  for (let nth = 0; nth < 4; nth++) await (await take(winner, `later ${nth}`)).release()
  t.notOk(filesIn(directory).includes(segmentName(1)), 'the file in which it was claimed is gone')
  const later = joinDirectory(directory, run, dozing(world))
  t.match(await later.find(nonceOf('x')), { state: 'committed', status: 202 })
  void Promise.all([winner.close(), loser.close(), later.close()])
  world.clock.advance(1_000)
})

await t.test('a clock that leaps ends nothing early: not for a worker that had nothing to do, not for one that comes later, not after a restart', async (t) => {
  for (const pinned of ['pinned', 'not pinned'] as const) {
    const world = stillWorld()
    const { directory, run, end } = await taken(t, world, join(t.testdir(), pinned.replace(' ', '-')))
    const busy = joinDirectory(directory, run, world)
    const idle = joinDirectory(directory, run, dozing(world))
    world.clock.advance(10 * 60_000)
    if (pinned === 'pinned') await accept(busy, 'pin', forever)
    await accept(busy, 'an hour', world.clock.now() + hour)
    world.clock.advance(30 * 60_000)
    world.clock.step(24 * hour)
    t.equal(await stateOf(idle, 'unrelated'), 'claimed')
    for (const [who, store] of [['idle', idle], ['busy', busy], ['later', joinDirectory(directory, run, world)]] as const) {
      t.equal(await stateOf(store, 'an hour'), 'committed', `${who}, ${pinned}`)
      t.match(await store.find(nonceOf('an hour')), { state: 'committed' })
      void store.close()
    }
    world.clock.advance(1_000)
    await end()
    const next = await taken(t, world, directory)
    const shared = joinDirectory(directory, next.run, world)
    t.equal(await stateOf(shared, 'an hour'), 'committed', `the next run, ${pinned}`)
    await shared.close()
    await next.end()
    const alone = await fileStore(directory, world)
    t.equal(await stateOf(alone, 'an hour'), 'committed', `one process, ${pinned}`)
    world.clock.advance(30 * 60_000)
    t.equal(await stateOf(alone, 'an hour'), 'claimed', 'it ends when its hour was lived')
    if (pinned === 'pinned') t.equal(await stateOf(alone, 'pin'), 'committed')
    await alone.close()
  }
})

await t.test('one process, a pin and a nonce of an hour, a restart, a leap', async (t) => {
  const world = stillWorld()
  const directory = join(t.testdir(), 'nonces')
  const before = await fileStore(directory, world)
  await accept(before, 'pin', forever)
  await accept(before, 'an hour', world.clock.now() + hour)
  await before.close()
  const after = await fileStore(directory, world)
  world.clock.step(2 * hour)
  t.equal(await stateOf(after, 'an hour'), 'committed')
  world.clock.advance(hour)
  t.equal(await stateOf(after, 'an hour'), 'claimed')
  t.equal(await stateOf(after, 'pin'), 'committed')
  await after.close()
})

await t.test('a leap is believed in the end, by all workers together', async (t) => {
  const world = stillWorld()
  const { directory, run } = await taken(t, world)
  const [one, other] = [joinDirectory(directory, run, world), joinDirectory(directory, run, world)]
  await accept(one, 'before', world.clock.now() + hour)
  world.clock.step(24 * hour)
  for (let passed = 0; passed < 4; passed++) {
    world.clock.advance(hour + 1)
    for (const store of [one, other]) await (await take(store, `${passed}`)).release()
  }
  await accept(one, 'after', world.clock.now() + 1_000)
  world.clock.advance(1_001)
  t.equal(await stateOf(other, 'after'), 'claimed')
  await Promise.all([one.close(), other.close()])
})

await t.test('a disk that is full where the next file is to be made: unavailable, and on as soon as it has place', async (t) => {
  const world = stillWorld()
  const { directory, run } = await taken(t, world)
  let isFull = false
  const append = ((file: number, bytes: Uint8Array) => {
    if (isFull) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    return writeSync(file, bytes)
  }) as typeof writeSync
  const store = joinDirectory(directory, run, { ...world, append, fill: { bytes: 3 * entryBytes, age: hour } })
  await accept(store, 'a', world.clock.now() + hour)
  isFull = true
  await t.rejects(async () => { await store.claim(nonceOf('b'), 1_000) }, { name: 'StoreUnavailable', message: /ENOSPC/ })
  t.match(await store.find(nonceOf('a')), { state: 'committed' }, 'what is known is known')
  isFull = false
  await accept(store, 'b', world.clock.now() + hour)
  t.equal(filesIn(directory).length, 2)
  await store.close()
})
