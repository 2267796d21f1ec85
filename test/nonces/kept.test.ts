import { chmodSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { StoreUnavailable, type NonceStore } from '../../src/core/nonce.ts'
import { plainStore } from '../../src/core/store-plan.ts'
import { fileKept } from '../../src/nonces/kept-file.ts'
import { openStore } from '../../src/nonces/open.ts'
import { commonStore, takeStore } from '../../src/workers/store.ts'
import { systemWorld } from '../../src/world.ts'
import { startRedis } from '../support/redis.ts'

/** Secrets that senders hand over, beside the nonces of each store. */

async function open(url: string): Promise<NonceStore> {
  const opened = await openStore(plainStore(url), systemWorld)
  if ('problem' in opened) throw new Error(opened.problem.what)
  return opened.store
}

/** A store on a server that has answered, and may take its time. */
async function answering(url: string): Promise<NonceStore> {
  const opened = await openStore({ ...plainStore(url), timeout: 30_000 }, systemWorld)
  if ('problem' in opened) throw new Error(opened.problem.what)
  for (;;) {
    try {
      await opened.store.kept?.read('anything')
      return opened.store
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
    }
  }
}

const [one, other] = [Buffer.from('the secret of one sender'), Buffer.from([0, 255, 10, 128])]

async function firstStands(t: Test, { kept }: NonceStore): Promise<void> {
  t.equal(await kept?.read('a'), undefined)
  t.equal(await kept?.keep('a', one), true)
  t.equal(await kept?.keep('a', other), false, 'another one')
  t.equal(await kept?.keep('a', one), true, 'the same')
  t.equal(await kept?.keep('b', other), true, 'under another name')
  t.ok(one.equals(await kept?.read('a') ?? new Uint8Array()))
  t.ok(other.equals(await kept?.read('b') ?? new Uint8Array()), 'any bytes')
  const all = await Promise.all(Array.from({ length: 10 }, (_, nth) => Promise.resolve(kept?.keep('c', Buffer.from(`secret ${nth}`)))))
  t.equal(all.filter((done) => done === true).length, 1, 'of ten at once one is first')
}

void t.test('memory:', async (t) => {
  const store = await open('memory:')
  await firstStands(t, store)
  await store.close()
})

void t.test('file: outlives its process, for our eyes only', async (t) => {
  const directory = join(t.testdir({}), 'nonces')
  const store = await open(`file:${directory}`)
  await firstStands(t, store)
  const folder = join(directory, '.secrets')
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.same(readdirSync(folder).filter((name) => name.startsWith('.')), [], 'no draft stays behind')
  for (const name of readdirSync(folder)) t.equal(statSync(join(folder, name)).mode & 0o777, 0o600)
  await store.close()
  const again = await open(`file:${directory}`)
  t.ok(one.equals(await again.kept?.read('a') ?? new Uint8Array()))
  await again.close()
  t.ok(existsSync(join(folder, readdirSync(folder)[0] ?? '')))
})

void t.test('file: of several workers, one has the journal and all have the secrets', async (t) => {
  const plan = plainStore(`file:${join(t.testdir({}), 'nonces')}`)
  const common = await takeStore(plan, systemWorld)
  if (common === undefined || 'problem' in common) throw new Error('not shared')
  const workers = await Promise.all([1, 2].map(() => commonStore(common.name)(plan, systemWorld)))
  const [first, second] = workers.map((opened) => ('store' in opened ? opened.store : undefined))
  t.equal(await first?.kept?.keep('a', one), true)
  t.ok(one.equals(await second?.kept?.read('a') ?? new Uint8Array()))
  t.equal(await second?.kept?.keep('a', other), false)
  await Promise.all([first?.close(), second?.close()])
  await common.close()
})

void t.test('file: what cannot be read is not guessed', (t) => {
  const directory = t.testdir({ '.secrets': 'a file where a folder should be' })
  const kept = fileKept(directory)
  t.throws(() => kept.read('a'), StoreUnavailable)
  t.throws(() => kept.keep('a', one), StoreUnavailable)
  t.equal(readFileSync(join(directory, '.secrets'), 'utf8'), 'a file where a folder should be')
  chmodSync(directory, 0o700)
  t.end()
})

void t.test('redis: shared by all gateways, and for good', async (t) => {
  const server = await startRedis(t)
  const [here, there] = [await answering(server.url), await answering(server.url)]
  await firstStands(t, here)
  t.ok(one.equals(await there.kept?.read('a') ?? new Uint8Array()))
  t.equal(await there.kept?.keep('a', other), false)
  const keys = (await server.ask('KEYS', '*secret:*')).split('\n')
  t.equal(keys.length, 3)
  t.equal(await server.ask('TTL', keys[0] ?? ''), '-1', 'it does not expire')
  await server.die()
  await t.rejects(async () => await here.kept?.read('a'), StoreUnavailable)
  await Promise.all([here.close(), there.close()])
})
