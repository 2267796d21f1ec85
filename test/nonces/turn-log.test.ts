import { readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { StoreUnavailable } from '../../src/core/nonce.ts'
import { entryBytes } from '../../src/nonces/entry.ts'
import { segmentName } from '../../src/nonces/journal.ts'
import { joinDirectory } from '../../src/nonces/shared.ts'
import { nonceOf } from '../contracts/store.ts'
import { stillWorld } from '../support/world.ts'
import { take, taken } from './crew.ts'

const until = Date.now() + 3_600_000

await t.test('what one turn tells is written in one piece, 64 entries at once', async (t) => {
  const world = stillWorld()
  const { directory, run } = await taken(t, world)
  const writes: number[] = []
  const append = ((file: number, bytes: Uint8Array) => {
    writes.push(bytes.length / entryBytes)
    return writeSync(file, bytes)
  }) as typeof writeSync
  const store = joinDirectory(directory, run, { ...world, append })
  await (await take(store, 'the first one tells how late it is')).release()
  writes.length = 0
  const all = await Promise.all(Array.from({ length: 100 }, (_, id) => take(store, `${id}`)))
  t.same(writes, [64, 36])
  await Promise.all([...all.slice(0, 10).map((claim) => claim.commit({ status: 200, until })), take(store, 'another')])
  t.same(writes, [64, 36, 11], 'commits and claims together')
  t.equal(readFileSync(join(directory, segmentName(1))).length, 114 * entryBytes)
  void store.close()
  world.clock.advance(2_000)
})

await t.test('what is told is written before it is said what is known, and before the log is closed', async (t) => {
  const world = stillWorld()
  const { directory, run } = await taken(t, world)
  const store = joinDirectory(directory, run, world)
  const claim = await take(store, 'a')
  const [released, again] = [claim.release(), store.claim(nonceOf('a'), 1_000)]
  t.equal(await released, true)
  t.match(await again, { state: 'claimed' }, 'given back in the same turn')
  const committed = (await take(store, 'b')).commit({ status: 200, until })
  t.match(await store.find(nonceOf('b')), { state: 'committed' })
  t.equal(await committed, true)
  const last = take(store, 'c')
  const closed = store.close()
  t.equal(await (await last).commit({ status: 200, until }), true, 'claimed before it closed, and settled before it has closed')
  world.clock.advance(2_000)
  await closed
  const next = joinDirectory(directory, run, world)
  t.match(await next.find(nonceOf('c')), { state: 'committed' })
  await next.close()
})

await t.test('where it cannot be written, whoever waits for it is told so, and nobody else', async (t) => {
  const world = stillWorld()
  const { directory, run } = await taken(t, world)
  let takes = Infinity
  const append = ((file: number, bytes: Uint8Array) => {
    const taken = writeSync(file, bytes.subarray(0, takes))
    takes = Infinity
    return taken
  }) as typeof writeSync
  const store = joinDirectory(directory, run, { ...world, append })
  takes = 2 * entryBytes
  t.equal((await Promise.all(['a', 'b', 'c', 'd'].map((id) => take(store, id)))).length, 4, 'a half that ends with an entry: the rest goes behind it')
  t.equal(readFileSync(join(directory, segmentName(1))).length, 5 * entryBytes)
  takes = 2 * entryBytes + 10
  t.equal((await Promise.all(['e', 'f', 'g', 'h'].map((id) => take(store, id)))).length, 4, 'a half that does not: the rest goes to the next file')
  t.equal(readFileSync(join(directory, segmentName(2))).length, 3 * entryBytes)
  takes = 0
  const none = await Promise.allSettled(['i', 'j'].map(async (id) => await store.claim(nonceOf(id), 1_000)))
  t.ok(none.every((one) => one.status === 'rejected' && one.reason instanceof StoreUnavailable))
  t.equal((await take(store, 'k')).state, 'claimed')
  void store.close()
  world.clock.advance(2_000)
})
