import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
import { StoreUnavailable, type NonceStore } from '../../src/core/nonce.ts'
import { memoryStore } from '../../src/nonces/memory.ts'
import { serveStore, type ServedStore } from '../../src/nonces/shared-owner.ts'
import { connectStore } from '../../src/nonces/shared-worker.ts'
import { systemWorld } from '../../src/world.ts'
import { tryStore } from '../contracts/model.ts'
import { stillSubject } from '../contracts/still.ts'
import { nonceOf, testStore } from '../contracts/store.ts'
import { StillClock } from '../support/world.ts'

const directory = t.testdir()
let path = ''
let owned: NonceStore | undefined
let served: ServedStore | undefined
let made = 0

/** Each run has an owner of its own; a crash is a worker that is gone. */
const subject = stillSubject({
  name: 'shared', survives: 'everything',
  open: async ({ clock }) => {
    owned ??= memoryStore(clock)
    served ??= await serveStore(owned, path)
    return await connectStore(path, clock)
  },
  crash: () => undefined,
  wipe: () => {
    void served?.close()
    served = undefined
    owned = undefined
    path = join(directory, `${++made}.sock`)
  },
})

await t.test('as every store', (t) => testStore(t, subject))
await t.test('against the model', async (t) => {
  await tryStore(subject, 150)
  t.pass('no interleaving breaks an invariant')
})
await served?.close()

async function start(script: string, socket: string): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, script), [socket], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  await once(child, 'message')
  return child
}

async function die(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

await t.test('an owner that is gone, and comes back', async (t) => {
  const socket = join(directory, 'owner.sock')
  const owner = await start('owner-process.ts', socket)
  const store = await connectStore(socket, systemWorld.clock)
  const claim = await store.claim(nonceOf('a'), 5_000)
  if (claim.state === 'claimed') t.equal(await claim.release(), true)
  const asked = Promise.allSettled([store.claim(nonceOf('b'), 5_000)])
  await die(owner)
  await asked
  await t.rejects(async () => await store.claim(nonceOf('c'), 5_000), StoreUnavailable)
  const next = await start('owner-process.ts', socket)
  for (;;) {
    try {
      const again = await store.claim(nonceOf('a'), 5_000)
      if (again.state === 'claimed') t.equal(await again.release(), true)
      break
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      await new Promise((resume) => { setTimeout(resume, 20) })
    }
  }
  await store.close()
  await die(next)
})

await t.test('an owner that is silent', async (t) => {
  const socket = join(directory, 'silent.sock')
  const owner = await start('owner-process.ts', socket)
  const store = await connectStore(socket, systemWorld.clock)
  owner.kill('SIGSTOP')
  await t.rejects(async () => await store.claim(nonceOf('a'), 5_000), StoreUnavailable)
  owner.kill('SIGCONT')
  await die(owner)
  await store.close()
})

await t.test('a worker that dies: what it had claimed lapses with its lease, and not before', async (t) => {
  const socket = join(directory, 'worker.sock')
  const clock = new StillClock()
  const store = memoryStore(clock)
  const door = await serveStore(store, socket)
  const worker = await start('claiming-process.ts', socket)
  await die(worker)
  t.match(await store.claim(nonceOf('claimed by a process'), 1_000), { state: 'in-flight' })
  clock.advance(9_999)
  t.match(await store.claim(nonceOf('claimed by a process'), 1_000), { state: 'in-flight' })
  clock.advance(1)
  t.match(await store.claim(nonceOf('claimed by a process'), 1_000), { state: 'claimed' })
  await door.close()
})

await t.test('nobody there at the beginning', async (t) => {
  const store = await connectStore(join(directory, 'nobody.sock'), new StillClock())
  await t.rejects(async () => await store.claim(nonceOf('a'), 5_000), StoreUnavailable)
  await store.close()
})

await t.test('what a full store says reaches the worker', async (t) => {
  const socket = join(directory, 'full.sock')
  const clock = new StillClock()
  const door = await serveStore(memoryStore(clock, 1), socket)
  const store = await connectStore(socket, clock)
  const claim = await store.claim(nonceOf('a'), 1_000)
  await t.rejects(async () => await store.claim(nonceOf('b'), 1_000), StoreUnavailable)
  if (claim.state === 'claimed') await claim.release()
  await store.close()
  await door.close()
})
