import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import type { Bytes } from '../../src/core/units.ts'
import { secretText, type Test } from '../support/gateway.ts'
import { operate, post, type Operated } from '../support/operated.ts'
import { rawTls, type RawClient } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/**
 * What a delivery or a connection leaves behind that only a large collection of the garbage would find. Where that is much, memory grows until one comes,
 * and the small ones, which come all the time, have it to copy (docs/decisions/0508).
 */

/** Says at each SIGUSR2 how much a large collection found that the small ones had left. */
const probe = `
let looks = 0
const held = () => { const { heapUsed, arrayBuffers } = process.memoryUsage(); return heapUsed + arrayBuffers }
process.on('SIGUSR2', () => {
  for (let times = 0; times < 3; times++) gc({ type: 'minor' })
  const before = held()
  gc()
  gc({ type: 'minor' })
  console.error('look ' + ++looks + ' found ' + (before - held()) + '.')
})`

const atOnce = 16
let made = 0

function delivery(): string {
  const body = `${made++}`.padEnd(2_048)
  const signature = createHmac('sha256', secretText).update(body).digest('hex')
  return post('/hook', body).replace('\r\n\r\n', `\r\nX-Hub-Signature-256: sha256=${signature}\r\n\r\n`)
}

async function measured(t: Test): Promise<Operated> {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const route = {
    name: 'hook', match: { path: '/hook' }, from: ['127.0.0.0/8'], certificate: {}, signature: { preset: 'github', secrets: ['env:SECRET'] },
    replay: { onReplay: 'refuse' }, forward: { to: 'target' },
  }
  const change = { routes: [route], replay: { store: 'file:nonces' } }
  return await operate(t, receiver.port, change, {}, ['--expose-gc', `--import=data:text/javascript,${encodeURIComponent(probe)}`])
}

/**
 * Does something so often, sixteen at a time, with a large collection in the midst of it: whoever is under way then is old from then on. Gives what
 * one of those since then leaves behind.
 */
async function leftByEach(gateway: Operated, count: number, act: (lane: number) => Promise<unknown>): Promise<Bytes> {
  const look = async (nth: number): Promise<Bytes> => {
    process.kill(gateway.pid, 'SIGUSR2')
    return Number((await gateway.says(new RegExp(`look ${nth} found (-?\\d+)\\.`)))[1])
  }
  let left = count * 2
  let midway: Promise<Bytes> | undefined
  await Promise.all(Array.from({ length: atOnce }, async (_, lane) => {
    while (left-- > 0) {
      if (left === count) midway = look(1)
      await act(lane)
    }
  }))
  await midway
  return await look(2) / count
}

t.test('a delivery on a connection that stays open', async (t) => {
  const gateway = await measured(t)
  const identity = identityOf(gateway)
  const lanes = await Promise.all(Array.from({ length: atOnce }, () => rawTls(gateway.port, identity)))
  t.teardown(() => { for (const lane of lanes) lane.close() })
  const left = await leftByEach(gateway, 1_000, async (lane) => {
    const { status } = await (lanes[lane] as RawClient).send(delivery()).response()
    if (status !== 200) t.fail(`status ${status}`)
  })
  t.ok(left < 3 * 1024, `${left} bytes`)
})

t.test('a connection for each delivery', async (t) => {
  const gateway = await measured(t)
  const identity = identityOf(gateway)
  const left = await leftByEach(gateway, 400, async () => {
    const client = await rawTls(gateway.port, identity)
    const { status } = await client.send(delivery()).response()
    client.close()
    if (status !== 200) t.fail(`status ${status}`)
  })
  // Node's own two sockets, and nothing that hung on them.
  t.ok(left < 6 * 1024, `${left} bytes`)
})

function identityOf({ site }: Operated) {
  const read = (name: string): string => readFileSync(resolve(site.directory, name), 'utf8')
  return { rejectUnauthorized: false, cert: read('sender.pem'), key: read('sender.key') }
}
