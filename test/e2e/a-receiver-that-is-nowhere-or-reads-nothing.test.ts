import { createHmac } from 'node:crypto'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { secretText, startGateway, type TestGateway } from '../support/gateway.ts'
import { rawTls, type RawClient } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/** A name that nobody knows, and a peer that accepts and never reads: what the sender is told, and that its retry passes. */

const route = { signature: { preset: 'github', secrets: ['env:SECRET'] }, replay: { onReplay: 'refuse' } }

function signed(body: string): string {
  const signature = createHmac('sha256', secretText).update(body).digest('hex')
  return `POST /hook HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: sha256=${signature}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

async function connect(t: Test, { port, pki }: TestGateway): Promise<RawClient> {
  const client = await rawTls(port, { ca: pki.ca.certificate })
  t.teardown(() => client.close())
  return client
}

async function statusOf(t: Test, gateway: TestGateway, bytes: string): Promise<number> {
  return (await (await connect(t, gateway)).send(bytes).response()).status
}

/** A label is 63 bytes at most (RFC 1035 §2.3.4): the resolver says so by itself, wherever this runs. */
const nowhere = `http://${'x'.repeat(64)}.invalid`

for (const body of ['buffer', 'stream'] as const) {
  t.test(`body: ${body}: a name that does not resolve`, async (t) => {
    const receiver = await startReceiver()
    t.teardown(() => receiver.close())
    const policy = body === 'buffer' ? route : { open: true, body }
    const to = (url: string | string[]) => ({ receivers: { target: { url, timeout: '5s' } } })
    const gateway = await startGateway(t, { receiver: 1, routes: [policy], settings: to(nowhere) })
    t.equal(await statusOf(t, gateway, signed('one')), 502)
    t.match(await gateway.audit(1), [{ verdict: 'refused', reason: 'receiver-unavailable', facts: { error: 'ENOTFOUND' } }])
    if (body === 'buffer') t.match(await gateway.audit(1), [{ nonce: 'released', facts: { phase: 'connect' } }])
    gateway.write({ ...gateway.settings, ...to([nowhere, receiver.url]) })
    t.equal(await gateway.gateway.reload(), 'taken')
    t.equal(await statusOf(t, gateway, signed('one')), 200, 'the same delivery again: not one byte was written, so the next URL is asked')
    t.equal(receiver.seen.length, 1)
    if (body === 'buffer') t.equal(await statusOf(t, gateway, signed('one')), 409)
  })
}

const size = 24 * 1024 * 1024

/** Accepts, and reads nothing until it is told; then answers once everything is there. */
async function startDeaf(t: Test) {
  const sockets: Socket[] = []
  let isDeaf = true
  const wake: (() => void)[] = []
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.push(socket.on('error', () => undefined))
    for (const one of wake.splice(0)) one()
    if (isDeaf) return
    let left = size
    socket.on('data', (chunk) => {
      left -= chunk.length
      if (left <= 0) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    })
    socket.resume()
  })
  await new Promise<void>((listening) => { server.listen(0, '127.0.0.1', listening) })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port, sockets, listen: () => { isDeaf = false },
    met: async () => { while (sockets.length === 0) await new Promise<void>((done) => wake.push(done)) },
  }
}

/** As many bytes as one body may hold in all: what is not given back keeps the retry out. */
const limits = { body: `${size}B`, buffered: `${size}B` }

for (const sender of ['waits', 'hangs up'] as const) {
  t.test(`a receiver whose socket is never read, and the sender ${sender}`, async (t) => {
    const deaf = await startDeaf(t)
    const gateway = await startGateway(t, { receiver: deaf.port, routes: [route], settings: { limits } })
    const large = signed('z'.repeat(size))
    const client = await connect(t, gateway)
    client.send(large)
    const answer = client.response().catch(() => undefined)
    await deaf.met()
    for (let turns = 0; turns < 500; turns++) await new Promise(setImmediate)
    t.equal(await statusOf(t, gateway, signed('z')), 503, 'its bytes are held meanwhile')
    if (sender === 'hangs up') client.close()
    gateway.world.clock.advance(5_000)
    t.equal((await answer)?.status, sender === 'waits' ? 504 : undefined)
    t.match((await gateway.audit(2)).at(-1), { verdict: 'refused', reason: 'receiver-timeout', nonce: 'released', bytes: size, facts: { phase: 'head' } })
    const gone = new Promise<void>((done) => { deaf.sockets[0]?.once('close', done).resume() })
    await gone
    deaf.listen()
    t.equal(await statusOf(t, gateway, large), 200, 'the same delivery again, now that somebody reads')
    t.equal(await statusOf(t, gateway, large), 409)
    t.equal(deaf.sockets.length, 2)
  })
}
