import t, { type Test } from 'tap'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { rawTcp, rawTls, valueOf, type RawClient } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

async function scene(t: Test, limits: Record<string, unknown>, route: Record<string, unknown> = { open: true }) {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [route], settings: { limits } })
  const connect = async (): Promise<RawClient> => {
    const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate, cert: gateway.sender.chain, key: gateway.sender.key })
    t.teardown(() => client.close())
    return client
  }
  return { gateway, receiver, connect }
}

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

/** Time passes, a second at a time, until the promise is settled. Gives how many seconds that were. */
async function passUntil({ world }: TestGateway, settled: Promise<unknown>, each: () => void = () => {}): Promise<number> {
  let over = false
  const done = settled.finally(() => { over = true })
  let seconds = 0
  for (; !over; seconds++) {
    each()
    world.clock.advance(1_000)
    for (let at = 0; at < 20 && !over; at++) await turn()
  }
  await done
  return seconds
}

/** A body whose time has begun: who is told to go on was read. */
async function begun(connect: () => Promise<RawClient>, framing: string): Promise<RawClient> {
  const client = await connect()
  client.send(`POST /hook HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n${framing}\r\n\r\n`)
  if ((await client.response()).status !== 100) throw new Error('its head is not read')
  return client
}

const request = 'POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}'

void t.test('a handshake that never begins, and one that drips in', async (t) => {
  const { gateway, receiver } = await scene(t, { handshakeTimeout: '10s' })
  const silent = await rawTcp(gateway.port)
  await passUntil(gateway, silent.ended())
  const dripping = await rawTcp(gateway.port)
  dripping.send(Buffer.from('1603010200010001fc0303', 'hex'))
  await passUntil(gateway, dripping.ended(), () => { dripping.send(Buffer.of(0)) })
  const late = { reason: 'handshake-failed', source: '127.0.0.1', status: 0, facts: { error: /in time/ } }
  t.match(await gateway.audit(2), [late, late])
  t.equal((await gateway.audit(2)).length, 2, 'each is recorded once')
  t.equal(receiver.seen.length, 0)
})

void t.test('a handshake whose deadline Node keeps, where our clock stands still', async (t) => {
  const { gateway, receiver } = await scene(t, { handshakeTimeout: '200ms' })
  const client = await rawTcp(gateway.port)
  await client.send('x').ended()
  t.match(await gateway.audit(1), [{ reason: 'handshake-failed', status: 0 }])
  t.equal((await gateway.audit(1)).length, 1, 'recorded once')
  t.equal(receiver.seen.length, 0)
})

void t.test('headers that never end, at the beginning of a connection and in its midst', async (t) => {
  const { gateway, receiver, connect } = await scene(t, { headersTimeout: '10s' })
  const silent = await connect()
  const slow = await connect()
  slow.send('POST /hook HTTP/1.1\r\nHost: localhost\r\nX-A: ')
  const later = await connect()
  t.equal((await later.send(request).response()).status, 200)
  later.send('POST /hook HTTP/1.1\r\nX-A: ')
  const refused = Promise.all([silent, slow, later].map(async (client) => {
    t.equal((await client.response()).status, 408)
    await client.ended()
  }))
  t.ok(await passUntil(gateway, refused, () => { for (const client of [slow, later]) client.send('a') }) >= 10)
  t.same((await gateway.audit(4)).map(({ reason }) => reason), [undefined, 'headers-timeout', 'headers-timeout', 'headers-timeout'])
  t.equal(receiver.seen.length, 1)
})

void t.test('a connection with nothing to do', async (t) => {
  const { gateway, connect } = await scene(t, { idleTimeout: '20s' })
  const client = await connect()
  t.equal((await client.send(request).response()).status, 200)
  const ended = client.ended().then(({ rest }) => t.equal(rest.length, 0))
  t.ok(await passUntil(gateway, ended) >= 20)
})

void t.test('a body that stops, and one that drips', async (t) => {
  const { gateway, receiver, connect } = await scene(t, { bodyTimeout: '60s', bodyRate: '100B' })
  const stopped = await begun(connect, 'Content-Length: 3000')
  t.ok(await passUntil(gateway, stopped.response().then(({ status }) => t.equal(status, 408))) >= 5)
  const dripping = await begun(connect, 'Content-Length: 3000')
  const seconds = await passUntil(gateway, dripping.response().then(({ status }) => t.equal(status, 408)), () => { dripping.send('x'.repeat(40)) })
  t.ok(seconds >= 5, `${seconds} s at 40 bytes a second`)
  t.equal(receiver.seen.length, 0)
  t.match(await gateway.audit(2), [{ reason: 'body-timeout', status: 408 }, { reason: 'body-timeout', status: 408 }])
})

void t.test('a body has its deadline, however quick it is', async (t) => {
  const { gateway, receiver, connect } = await scene(t, { bodyTimeout: '10s', bodyRate: '1B' })
  const client = await begun(connect, 'Transfer-Encoding: chunked')
  // Enough for ten seconds has come; whether the rest of it is quick does not hang on this machine.
  client.send(`64\r\n${'x'.repeat(100)}\r\n`)
  while (!/"value":100\b/.test(JSON.stringify(await gateway.gateway.measure()))) await turn()
  const answered = client.response().then(({ status }) => t.equal(status, 408))
  t.ok(await passUntil(gateway, answered, () => { client.send('5\r\nhello\r\n') }) >= 9)
  t.equal(receiver.seen.length, 0)
})

void t.test('a sender that does not read its answer', async (t) => {
  const { gateway, receiver, connect } = await scene(t, {})
  const large = 64 * 1024 * 1024
  receiver.script = (socket) => {
    socket.on('error', () => undefined)
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${large}\r\n\r\n`)
    socket.write(Buffer.alloc(large))
  }
  const client = await connect()
  client.send(request).socket.pause()
  await passUntil(gateway, gateway.audit(1))
  t.match(await gateway.audit(1), [{ reason: 'receiver-timeout' }])
  client.socket.resume()
  t.ok((await client.ended()).rest.length < large)
})

void t.test('too many connections of one address', async (t) => {
  const { gateway, receiver, connect } = await scene(t, { connectionsPerAddress: 2 })
  const first = await connect()
  const second = await connect()
  const third = await rawTcp(gateway.port)
  await third.ended()
  t.match(await gateway.audit(1), [{ reason: 'rate-limited', source: '127.0.0.1', status: 0 }])
  for (const client of [first, second]) t.equal((await client.send(request).response()).status, 200, 'those that are in are served')
  first.close()
  await first.ended()
  t.equal((await (await eventually(connect)).send(request).response()).status, 200, 'a place that was given back')
  t.equal(receiver.seen.length, 3)
})

void t.test('too many connections in all', async (t) => {
  const { gateway, connect } = await scene(t, { connections: 1 })
  const first = await connect()
  await (await rawTcp(gateway.port)).ended()
  t.match(await gateway.audit(1), [{ reason: 'overloaded', source: '127.0.0.1', status: 0 }])
  first.close()
  t.equal((await (await eventually(connect)).send(request).response()).status, 200)
})

/** The server hears a moment later that a connection is gone. */
async function eventually(connect: () => Promise<RawClient>): Promise<RawClient> {
  for (;;) {
    try {
      return await connect()
    } catch {
      await turn()
    }
  }
}

void t.test('too many handshakes in a second', async (t) => {
  const { gateway, connect } = await scene(t, { handshakesPerSecond: 2 })
  for (const _ of [1, 2]) t.equal((await (await connect()).send(request).response()).status, 200)
  await (await rawTcp(gateway.port)).ended()
  t.match((await gateway.audit(3))[2], { reason: 'rate-limited', source: '127.0.0.1', status: 0 })
  gateway.world.clock.advance(500)
  t.equal((await (await connect()).send(request).response()).status, 200)
})

void t.test('too many deliveries, by address and by route', async (t) => {
  for (const by of ['address', 'route']) {
    const { gateway, receiver, connect } = await scene(t, {}, { open: true, rateLimit: { by, deliveries: 1, per: '1m' } })
    t.equal((await (await connect()).send(request).response()).status, 200)
    const refused = await (await connect()).send(request).response()
    t.equal(refused.status, 429, by)
    t.equal(valueOf(refused.headers, 'retry-after'), '60', by)
    t.equal(receiver.seen.length, 1, by)
    t.match((await gateway.audit(2))[1], { reason: 'rate-limited', status: 429, facts: { by } })
    gateway.world.clock.advance(60_000)
    t.equal((await (await connect()).send(request).response()).status, 200, by)
  }
})

void t.test('too many deliveries, by certificate', async (t) => {
  const { gateway, receiver, connect } = await scene(t, {}, { certificate: {}, rateLimit: { by: 'certificate', deliveries: 2, per: '1m' } })
  const client = await connect()
  for (const _ of [1, 2]) t.equal((await client.send(request).response()).status, 200)
  const refused = await (await connect()).send(request).response()
  t.equal(refused.status, 429)
  t.equal(valueOf(refused.headers, 'retry-after'), '30')
  t.equal(receiver.seen.length, 2)
  t.match((await gateway.audit(3))[2], { reason: 'rate-limited', status: 429, facts: { by: 'certificate' } })
  const anonymous = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
  t.teardown(() => anonymous.close())
  t.equal((await anonymous.send(request).response()).status, 403, 'who may not come at all uses nothing up')
  gateway.world.clock.advance(30_000)
  t.equal((await client.send(request).response()).status, 200)
})
