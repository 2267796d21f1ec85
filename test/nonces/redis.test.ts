import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { forever, StoreUnavailable, type NonceStore } from '../../src/core/nonce.ts'
import { plainStore, type StorePlan } from '../../src/core/store-plan.ts'
import { openStore } from '../../src/nonces/open.ts'
import { parseRedisAddress } from '../../src/nonces/redis-address.ts'
import { RedisLink } from '../../src/nonces/redis-link.ts'
import { RedisStore } from '../../src/nonces/redis.ts'
import { systemWorld } from '../../src/world.ts'
import { tryStore, type Tried } from '../contracts/model.ts'
import { nonceOf, testStore } from '../contracts/store.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { StillClock } from '../support/clock.ts'

/** Lets time pass for every key: what Redis counts down is what a nonce lives. */
const age = `
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key) - ARGV[1]
  if left > 0 then redis.call('PEXPIRE', key, left) else redis.call('DEL', key) end
end`

/** How long an answer may take is not what is tested, but for one test: a slow machine has its time. */
const patientStore = (url: string): StorePlan => ({ ...plainStore(url), timeout: 30_000 })
/** Waits for a server's first answer for as long as that takes. */
const patientWorld = { ...systemWorld, clock: new StillClock() }

/** So many milliseconds of Redis are one of the test: what really passes meanwhile, however slow the machine, is next to nothing. */
const scale = 100

async function subjectOn(t: Test, server: TestRedis): Promise<Tried> {
  const admin = new Redis(server.port)
  t.teardown(() => { admin.disconnect() })
  const start = Date.now()
  let passed = 0
  let error = 0
  let opened = 0
  const now = (): number => start + passed + error
  const scaled = (instant: number): number => (instant === forever ? forever : start + (instant - start) * scale)
  const clock = { ...systemWorld.clock, now: () => scaled(now()) }
  const plan = patientStore(server.url)
  const link = await RedisLink.open(parseRedisAddress(server.url), plan, clock)
  t.teardown(() => { link.close() })
  return {
    name: 'redis:', survives: 'everything', grain: 500, now,
    advance: async (time) => {
      passed += time
      await admin.eval(age, 0, time * scale)
    },
    open: async () => slowly(new RedisStore(link, 'sallyport:', `owner${++opened}-`, clock), scaled),
    crash: () => undefined,
    wipe: async () => {
      await admin.flushall()
    },
    setError: (next) => { error = next },
  }
}

/** A store whose every time is as much longer. */
function slowly(store: NonceStore, scaled: (instant: number) => number): NonceStore {
  return {
    claim: async (nonce, lease) => {
      const claim = await store.claim(nonce, lease * scale)
      if (claim.state !== 'claimed') return claim
      return { state: 'claimed', commit: async (outcome) => await claim.commit({ ...outcome, until: scaled(outcome.until) }), release: async () => await claim.release() }
    },
    find: async (nonce) => await store.find(nonce),
    close: async () => { await store.close() },
  }
}

await t.test('as every store', async (t) => {
  const subject = await subjectOn(t, await startRedis(t))
  // Closing takes the connection along, which the others share.
  await testStore(t, subject)
})

await t.test('against the model', async (t) => {
  await tryStore(await subjectOn(t, await startRedis(t)), 1_000)
  t.pass('no interleaving breaks an invariant')
})

async function open(t: Test, plan: StorePlan): Promise<NonceStore> {
  const opened = await openStore(plan, systemWorld)
  if ('problem' in opened) throw new Error(opened.problem.what)
  t.teardown(() => opened.store.close())
  return opened.store
}

/** Asks until it is answered: how long that takes is not ours to say. */
async function settled<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      await new Promise((resume) => { setTimeout(resume, 20) })
    }
  }
}

/** A commit whose answer came too late counts as well. */
async function commit(store: NonceStore, id: string): Promise<boolean> {
  return await settled(async () => {
    const claim = await store.claim(nonceOf(id), 60_000)
    return claim.state === 'claimed' ? await claim.commit({ status: 200, until: Date.now() + 3_600_000 }) : claim.state === 'committed'
  })
}

async function recovered(store: NonceStore, id: string): Promise<string> {
  return await settled(async () => {
    const claimed = await store.claim(nonceOf(id), 60_000)
    if (claimed.state === 'claimed') await claimed.release()
    return claimed.state
  })
}

/** A way to the server that keeps its answers back until so many scripts were asked for. */
async function startHoldingBack(t: Test, port: number): Promise<{ readonly url: string; hold: (scripts: number) => void }> {
  let [asked, wanted] = [0, 0]
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    t.teardown(() => { client.destroy(); upstream.destroy() })
    client.on('data', (chunk: Buffer) => {
      asked += chunk.toString('latin1').toLowerCase().split('evalsha').length - 1
      upstream.write(chunk)
      if (asked >= wanted) upstream.resume()
      else upstream.pause()
    })
    upstream.pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`, hold: (scripts) => { [asked, wanted] = [0, scripts] } }
}

await t.test('claims and commits are pipelined: none waits for the answer of another', async (t) => {
  const between = await startHoldingBack(t, (await startRedis(t)).port)
  const store = await open(t, patientStore(between.url))
  t.equal(await commit(store, 'first'), true, 'the scripts are known by now')
  const many = Array.from({ length: 256 }, (_, at) => nonceOf(`of many ${at}`))
  between.hold(many.length)
  const claims = await Promise.all(many.map((nonce) => store.claim(nonce, 60_000)))
  t.same(claims.filter(({ state }) => state !== 'claimed'), [])
  between.hold(many.length)
  const done = await Promise.all(claims.map((claim) => claim.state === 'claimed' && claim.commit({ status: 200, until: Date.now() + 3_600_000 })))
  t.same(done.filter((isDone) => !isDone), [])
})

await t.test('a server that is not there', async (t) => {
  const server = await startRedis(t, { args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
  const store = await open(t, patientStore(server.url))
  t.equal(await commit(store, 'a'), true)
  const open1 = await settled(async () => await store.claim(nonceOf('b'), 60_000))
  await server.die()
  await t.rejects(async () => await store.claim(nonceOf('c'), 5_000), StoreUnavailable)
  await t.rejects(async () => await (open1 as { commit: (o: object) => Promise<boolean> }).commit({ status: 200, until: Date.now() + 1e6 }), StoreUnavailable)
  await server.start()
  t.equal(await recovered(store, 'a'), 'committed', 'it comes back with what it kept')
  t.equal(await recovered(store, 'c'), 'claimed')
})

await t.test('a server that restarts empty', async (t) => {
  const server = await startRedis(t)
  const store = await open(t, patientStore(server.url))
  await commit(store, 'a')
  await server.die()
  await server.start()
  t.equal(await recovered(store, 'a'), 'claimed', 'knows nothing any more, nor its scripts; and serves')
})

await t.test('a server that was not there at the beginning', async (t) => {
  const server = await startRedis(t)
  await server.die()
  const store = await open(t, patientStore(server.url))
  await t.rejects(async () => await store.claim(nonceOf('a'), 5_000), StoreUnavailable)
  await server.start()
  t.equal(await recovered(store, 'a'), 'claimed')
})

await t.test('a server that stands still', async (t) => {
  const server = await startRedis(t)
  const store = await open(t, plainStore(server.url))
  while (!await commit(store, 'a')) { /* It has not answered in time. */ }
  server.kill('SIGSTOP')
  const started = performance.now()
  const answers = await Promise.allSettled(Array.from({ length: 50 }, async (_, at) => await store.claim(nonceOf(`stopped${at}`), 3_600_000)))
  t.ok(answers.every((answer) => answer.status === 'rejected' && answer.reason instanceof StoreUnavailable))
  t.ok(performance.now() - started >= 240, 'after the time-out, not before')
  server.kill('SIGCONT')
  t.equal(await recovered(store, 'a'), 'committed')
  const states = await Promise.all(Array.from({ length: 50 }, (_, at) => untilFree(store, `stopped${at}`)))
  t.ok(states.every((state) => state === 'claimed'), 'what it did too late was taken back')
})

/** Claims that were made after their time are given back as soon as their reply comes. */
async function untilFree(store: NonceStore, id: string): Promise<string> {
  for (;;) {
    const state = await recovered(store, id)
    if (state !== 'in-flight') return state
  }
}

await t.test('a server that may only be read', async (t) => {
  const primary = await startRedis(t)
  const server = await startRedis(t)
  const store = await open(t, patientStore(server.url))
  await commit(store, 'a')
  await server.ask('REPLICAOF', '127.0.0.1', String(primary.port))
  await t.rejects(async () => await store.claim(nonceOf('b'), 5_000), StoreUnavailable)
  await server.ask('REPLICAOF', 'NO', 'ONE')
  t.equal(await recovered(store, 'b'), 'claimed')
})

await t.test('a server whose memory is full', async (t) => {
  const server = await startRedis(t)
  const store = await open(t, patientStore(server.url))
  await commit(store, 'a')
  await server.ask('CONFIG', 'SET', 'maxmemory', '1')
  await t.rejects(async () => await store.claim(nonceOf('b'), 60_000), { name: 'StoreUnavailable', message: /OOM/ })
  await server.ask('CONFIG', 'SET', 'maxmemory', '0')
  t.equal(await recovered(store, 'a'), 'committed')
})

await t.test('a server that would forget what is live', async (t) => {
  const server = await startRedis(t, { args: ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'] })
  t.match(await openStore(patientStore(server.url), patientWorld), { problem: { what: /forgets live nonces/, mend: /noeviction/ } })
})

await t.test('one round trip a claim and one a commit; scripts are sent once', async (t) => {
  const server = await startRedis(t)
  const store = await open(t, patientStore(server.url))
  await commit(store, 'first')
  await server.ask('CONFIG', 'RESETSTAT')
  for (let id = 0; id < 10; id++) await commit(store, String(id))
  const stats = await server.ask('INFO', 'commandstats')
  t.match(stats, /cmdstat_evalsha:calls=20,/)
  t.notMatch(stats, /cmdstat_eval:/)
  await server.ask('SCRIPT', 'FLUSH')
  t.equal(await commit(store, 'again'), true, 'and again where the server forgot them')
})

await t.test('a user, a password, a prefix and a database', async (t) => {
  const server = await startRedis(t)
  await server.ask('ACL', 'SETUSER', 'gateway', 'on', '>secret', '~lab:*', '+eval', '+evalsha', '+get', '+set', '+del', '+info', '+select')
  await server.ask('ACL', 'SETUSER', 'default', 'off')
  const plan = { ...patientStore(`${server.url}/3?prefix=lab:`), user: 'gateway', password: 'secret' }
  const store = await open(t, plan)
  t.equal(await commit(store, 'a'), true)
  t.match(await openStore({ ...plan, password: 'wrong' }, patientWorld), { problem: { what: /lets us not in/, mend: /password/ } })
  t.match(await openStore(patientStore(server.url), patientWorld), { problem: { what: /lets us not in/ } })
})

await t.test('keys are short, hashed, prefixed, and expire by themselves', async (t) => {
  const server = await startRedis(t)
  const store = await open(t, patientStore(server.url))
  await commit(store, 'a')
  const key = await server.ask('RANDOMKEY')
  t.match(key, /^sallyport:[A-Za-z0-9_-]{22}$/)
  const left = Number(await server.ask('PTTL', key))
  t.ok(left > 3_500_000 && left <= 3_600_000)
  t.match(await server.ask('GET', key), /^d200[A-Za-z0-9_-]{22}$/)
})

const addresses: [string, unknown][] = [
  ['redis://h', { nodes: [{ host: 'h', port: 6379 }], secure: false, kind: 'single', database: 0, prefix: 'sallyport:' }],
  ['redis://h:1/2', { nodes: [{ host: 'h', port: 1 }], database: 2 }],
  ['rediss://[::1]:7/', { nodes: [{ host: '::1', port: 7 }], secure: true, database: 0 }],
  ['redis://a:1,b?cluster', { nodes: [{ host: 'a', port: 1 }, { host: 'b', port: 6379 }], kind: 'cluster' }],
  ['redis://a,b:2?sentinel=main&prefix=x:', { nodes: [{ host: 'a', port: 26379 }, { host: 'b', port: 2 }], kind: { sentinel: 'main' }, prefix: 'x:' }],
]
for (const [text, wanted] of addresses) t.match(parseRedisAddress(text), wanted, text)

const mistakes: [string, RegExp][] = [
  ['redis://user:secret@h', /holds a user or password/],
  ['redis://', /no address/], ['redis://h:99999', /no address/], ['redis://h:x', /no address/], ['redis://h/x', /no address/],
  ['redis://h?what=1', /no address/], ['redis://a,b', /of which kind/], ['redis://a?sentinel=', /no address/],
  ['redis://a?sentinel=m&cluster', /no address/], ['redis://h#x', /no address/], ['redis://a,,b?cluster', /no address/],
]
for (const [text, wanted] of mistakes) {
  t.throws(() => parseRedisAddress(text), { message: wanted }, text)
}
t.throws(() => parseRedisAddress('redis://user:secret@h'), { message: /^[^]*user or password$/ }, 'and is not printed')
