import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { StoreUnavailable, type NonceStore } from '../../src/core/nonce.ts'
import { plainStore, type StorePlan } from '../../src/core/store-plan.ts'
import { openStore } from '../../src/nonces/open.ts'
import { systemWorld } from '../../src/world.ts'
import { nonceOf } from '../contracts/store.ts'
import { makePki } from '../support/pki.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'

/** Redis of several processes, and Redis behind TLS: real ones. */

async function open(t: Test, plan: StorePlan): Promise<NonceStore> {
  const opened = await openStore(plan, systemWorld)
  if ('problem' in opened) throw new Error(opened.problem.what)
  t.teardown(() => opened.store.close())
  return opened.store
}

/** Asks until there is an answer. */
async function settled<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      await new Promise((resume) => { setTimeout(resume, 50) })
    }
  }
}

/** How long an answer may take is not what is tested. */
const patientStore = (url: string): StorePlan => ({ ...plainStore(url), timeout: 30_000 })

/** A claim whose answer was lost is in flight until its lease ends. */
async function accept(store: NonceStore, id: string): Promise<boolean> {
  for (;;) {
    const claim = await store.claim(nonceOf(id), 5_000)
    if (claim.state === 'committed' || (claim.state === 'claimed' && await claim.commit({ status: 200, until: Date.now() + 3_600_000 }))) return true
  }
}

const stateOf = async (store: NonceStore, id: string) => (await store.claim(nonceOf(id), 500)).state

await t.test('a cluster', async (t) => {
  const nodes = await Promise.all(Array.from({ length: 3 }, () => startRedis(t, {
    args: ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', '--cluster-require-full-coverage', 'no', '--appendonly', 'yes', '--appendfsync', 'always'],
  })))
  await nodes[0]?.ask('--cluster', 'create', ...nodes.map(({ port }) => `127.0.0.1:${port}`), '--cluster-yes')
  for (const node of nodes) while (!(await node.ask('CLUSTER', 'INFO')).includes('cluster_state:ok')) { /* It is not that far yet. */ }
  const store = await open(t, patientStore(`redis://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}?cluster`))
  const ids = Array.from({ length: 60 }, (_, at) => `id${at}`)
  for (const id of ids) t.equal(await settled(() => accept(store, id)), true)
  const sizes = await Promise.all(nodes.map(async (node) => Number(await node.ask('DBSIZE'))))
  t.ok(sizes.every((size) => size > 0), `nonces are spread: ${sizes.join(', ')}`)

  const lost = nodes[1] as TestRedis
  await lost.die()
  const during = await Promise.allSettled(ids.map((id) => stateOf(store, id)))
  t.ok(during.every((one) => (one.status === 'fulfilled' ? one.value === 'committed' : one.reason instanceof StoreUnavailable)),
    'without a node its share is unavailable, and nothing is taken for new')
  t.ok(during.some((one) => one.status === 'rejected'))
  await lost.start()
  for (const id of ids) t.equal(await settled(() => stateOf(store, id)), 'committed')
})

await t.test('sentinels, and a failover', async (t) => {
  const primary = await startRedis(t)
  const replica = await startRedis(t, { args: ['--replicaof', `127.0.0.1 ${primary.port}`, '--repl-diskless-sync-delay', '0'] })
  const sentinels = await Promise.all(Array.from({ length: 3 }, () => startRedis(t, {
    config: (port, directory) => {
      mkdirSync(directory, { recursive: true })
      const file = join(directory, 'sentinel.conf')
      writeFileSync(file, `port ${port}\nbind 127.0.0.1\ndir ${directory}\nsentinel monitor main 127.0.0.1 ${primary.port} 2\n` +
        'sentinel down-after-milliseconds main 60000\nsentinel failover-timeout main 4000\n')
      return file
    },
  })))
  const store = await open(t, patientStore(`redis://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}?sentinel=main`))
  t.equal(await settled(() => accept(store, 'before')), true)
  while (!(await replica.ask('INFO', 'replication')).includes('master_link_status:up')) { /* It is not that far yet. */ }
  while (await replica.ask('DBSIZE') !== '1') { /* It is not that far yet. */ }
  for (const sentinel of sentinels) {
    while (!(await sentinel.ask('SENTINEL', 'master', 'main')).includes('num-other-sentinels\n2')) { /* It is not that far yet. */ }
    while (!(await sentinel.ask('SENTINEL', 'replicas', 'main')).includes(String(replica.port))) { /* It is not that far yet. */ }
  }
  // Until here a primary that is slow to answer is no dead one.
  for (const sentinel of sentinels) t.equal(await sentinel.ask('SENTINEL', 'SET', 'main', 'down-after-milliseconds', '700'), 'OK')
  await primary.die()
  await t.rejects(() => stateOf(store, 'before'), StoreUnavailable)
  t.equal(await settled(() => stateOf(store, 'before')), 'committed', 'the replica took over, with what it had been told')
  t.equal(await settled(() => accept(store, 'after')), true)
})

await t.test('TLS with a client certificate', async (t) => {
  const { ca } = await makePki()
  const [server, client] = await Promise.all([ca.server(), ca.client()])
  const directory = t.testdir({ 'ca.pem': ca.certificate, 'server.pem': server.chain, 'server.key': server.key, 'client.pem': client.chain, 'client.key': client.key })
  const path = (name: string) => join(directory, name)
  const certificates = ['--tls-cert-file', path('server.pem'), '--tls-key-file', path('server.key'), '--tls-ca-cert-file', path('ca.pem')]
  const redis = await startRedis(t, {
    tls: { args: certificates, cli: ['--tls', '--cacert', path('ca.pem'), '--cert', path('client.pem'), '--key', path('client.key')] },
  })
  const url = redis.url.replace('redis:', 'rediss:')
  const store = await open(t, { ...patientStore(url), tls: { ca: ca.certificate, certificate: client.chain, key: client.key } })
  t.equal(await settled(() => accept(store, 'a')), true)
  const strangers: [string, StorePlan][] = [
    ['without a certificate of ours', { ...patientStore(url), tls: { ca: ca.certificate, certificate: undefined, key: undefined } }],
    ['where the authority is another', patientStore(url)],
    ['in plain', patientStore(redis.url)],
  ]
  for (const [name, plan] of strangers) {
    const other = await open(t, plan)
    await t.rejects(() => stateOf(other, 'a'), StoreUnavailable, name)
  }
})
