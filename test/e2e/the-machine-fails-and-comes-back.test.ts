import { execFileSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { resolve } from 'node:path'
import t from 'tap'
import { fillDisk } from '../support/full-disk.ts'
import { secretText, startGateway } from '../support/gateway.ts'
import { operate, post, type Operated } from '../support/operated.ts'
import { rawTls, valueOf } from '../support/raw.ts'
import { startReceiver, type TestReceiver } from '../support/receiver.ts'

/** Real faults of the machine below a gateway: each time it says no, loses nothing, and comes back by itself. */

const github = { signature: { preset: 'github', secrets: ['env:SECRET'] }, replay: { onReplay: 'refuse' } }

function signed(body: string): string {
  const signature = createHmac('sha256', secretText).update(body).digest('hex')
  return post('/hook', body).replace('\r\n\r\n', `\r\nX-Hub-Signature-256: sha256=${signature}\r\n\r\n`)
}

async function receiverOf(t: { readonly teardown: (run: () => unknown) => unknown }): Promise<TestReceiver> {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  return receiver
}

/** Undefined where the connection was lost. */
async function statusOf(gateway: Operated, bytes: string): Promise<number | undefined> {
  try {
    const client = await gateway.connect()
    const response = client.send(bytes).response()
    return await response.then(({ status }) => status).finally(() => client.close())
  } catch {
    return undefined
  }
}

const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length

t.test('no room for nonces: store-unavailable; what the receiver accepted is not told 2xx and not let in again', async (t) => {
  const receiver = await receiverOf(t)
  // Records go where there is always room: only nonces are to find none.
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [github], settings: { replay: { store: 'file:nonces' }, log: { level: 'error', audit: 'file:/dev/null' } } })
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
  t.teardown(() => client.close())
  const send = (body: string) => client.send(signed(body)).response()
  t.equal((await send('before')).status, 200)
  const place = resolve(gateway.directory, 'nonces')
  const journal = Math.max(...readdirSync(place).filter((name) => name.endsWith('.nonces')).map((name) => statSync(resolve(place, name)).size))
  const empty = fillDisk(t, journal + 5 * 64 + 20)
  let nth = 0
  for (let status = 200; status === 200; nth++) ({ status } = await send(`filling ${nth}`))
  t.equal(nth, 6, 'five fitted, and a part of the next')
  const { length } = receiver.seen
  const refused = await send('new')
  t.equal(refused.status, 503)
  t.match(JSON.parse(refused.body.toString()), { reason: 'store-unavailable' })
  t.match(valueOf(refused.headers, 'retry-after'), /^[1-9]/)
  t.equal((await send(`filling ${nth - 1}`)).status, 503, 'whose commit could not be kept')
  t.equal((await send('before')).status !== 200, true)
  t.equal(receiver.seen.length, length, 'the receiver saw nothing of these')
  empty()
  let status = 503
  for (; status === 503; gateway.world.clock.advance(1_000)) ({ status } = await send('new'))
  t.equal(status, 200, 'it comes back by itself')
  t.equal((await send('new')).status, 409)
  t.equal((await send(`filling ${nth - 1}`)).status, 409, 'what was accepted meanwhile is kept')
  t.equal((await send('before')).status, 409, 'and has forgotten nothing')
})

t.test('no descriptors left: connections wait or are lost, the process lives, and gives all of them back', async (t) => {
  const receiver = await receiverOf(t)
  const gateway = await operate(t, receiver.port, { routes: [{ ...github, name: 'hook', match: { path: '/hook' }, forward: { to: 'target' } }] })
  t.equal(await statusOf(gateway, signed('before')), 200)
  const before = descriptorsOf(gateway.pid)
  execFileSync('prlimit', ['--pid', String(gateway.pid), `--nofile=${before + 12}:`])
  const sockets: Socket[] = Array.from({ length: 60 }, () => connectTcp({ host: '127.0.0.1', port: gateway.port }).on('error', () => undefined))
  while (descriptorsOf(gateway.pid) < before + 10) await new Promise(setImmediate)
  // In the middle of it: whatever the answer is, nothing ends.
  gateway.process.kill('SIGHUP')
  for (const socket of sockets) socket.destroy()
  let status: number | undefined
  for (let nth = 0; status !== 200; nth++) status = await statusOf(gateway, signed(`after ${nth}`))
  while (descriptorsOf(gateway.pid) > before + 4) await new Promise(setImmediate)
  execFileSync('prlimit', ['--pid', String(gateway.pid), '--nofile=1024:'])
  t.equal(await statusOf(gateway, signed('before')), 409, 'and it remembers')
  t.equal((await gateway.page('/healthz')).status, 200)
})

t.test('200 SIGHUPs and as many changes while deliveries run: none is lost, the last configuration holds, nothing is left open', async (t) => {
  const receiver = await receiverOf(t)
  const gateway = await operate(t, receiver.port)
  const clients = await Promise.all(Array.from({ length: 4 }, () => gateway.connect()))
  t.teardown(() => { for (const client of clients) client.close() })
  t.equal(await statusOf(gateway, post('/hook')), 200)
  const before = descriptorsOf(gateway.pid)
  let isOver = false
  let sent = 0
  const runs = clients.map(async (client) => {
    const statuses = new Set<number>()
    while (!isOver) {
      statuses.add((await client.send(post('/hook')).response()).status)
      sent++
    }
    return [...statuses]
  })
  const hook = (gateway.settings['routes'] as object[])[0]
  for (let nth = 0; nth < 200; nth++) {
    const routes = [hook, { name: `n${nth}`, match: { path: `/n${nth}` }, open: true, forward: { to: 'target' } }]
    // As an operator should: nobody ever reads half a file.
    renameSync(gateway.site.write('next.yaml', JSON.stringify({ ...gateway.settings, routes })), resolve(gateway.site.directory, 'sallyport.yaml'))
    gateway.process.kill('SIGHUP')
    const wanted = sent + 1
    while (sent < wanted) await new Promise(setImmediate)
  }
  while (await statusOf(gateway, post('/n199')) !== 200) await new Promise(setImmediate)
  isOver = true
  t.same(await Promise.all(runs), [[200], [200], [200], [200]])
  t.equal(await statusOf(gateway, post('/n198')), 404)
  const { text } = await gateway.page('/metrics')
  t.match(text, /sallyport_last_reload_successful 1/)
  t.notMatch(text, /sallyport_reloads_total\{result="refused"\} [1-9]/)
  // What is closing is closed a moment later; a leak would stay.
  while (descriptorsOf(gateway.pid) > before + 8) await new Promise(setImmediate)
})

t.test('the directory of the configuration is gone for a while', async (t) => {
  const receiver = await receiverOf(t)
  const gateway = await operate(t, receiver.port)
  const { directory } = gateway.site
  renameSync(directory, `${directory}-gone`)
  t.teardown(() => rmSync(`${directory}-gone`, { recursive: true, force: true }))
  gateway.process.kill('SIGHUP')
  await gateway.says(/reload refused, the last good configuration stays/)
  t.equal(await statusOf(gateway, post('/hook')), 200)
  t.match((await gateway.page('/metrics')).text, /sallyport_last_reload_successful 0/)
  mkdirSync(directory, { recursive: true })
  gateway.process.kill('SIGHUP')
  t.equal(await statusOf(gateway, post('/hook')), 200)
  rmSync(directory, { recursive: true })
  renameSync(`${directory}-gone`, directory)
  gateway.process.kill('SIGHUP')
  await gateway.says(/"configuration reloaded"/)
  t.match((await gateway.page('/metrics')).text, /sallyport_last_reload_successful 1/)
  t.equal(await statusOf(gateway, post('/hook')), 200)
})
