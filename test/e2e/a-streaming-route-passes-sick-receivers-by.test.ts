import { createServer, type AddressInfo, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import t, { type Test } from 'tap'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { freePort } from '../support/ports.ts'
import { rawTls, type RawClient } from '../support/raw.ts'
import { answer, answerAndClose, answerOk, startReceiver, type TestReceiver } from '../support/receiver.ts'

const streamed = { match: { path: '/*', methods: ['POST', 'GET'] }, open: true, body: 'stream', forward: { to: 'target', upgrade: ['websocket'] } }
const post = 'POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc'
const ask = 'GET /hook HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'

async function receiverOf(t: Test): Promise<TestReceiver> {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  return receiver
}

async function gatewayTo(t: Test, url: readonly string[], change: object = {}): Promise<TestGateway> {
  return await startGateway(t, { receiver: 0, routes: [streamed], settings: { receivers: { target: { url, timeout: '5s', ...change } } } })
}

async function connect(t: Test, { port, pki }: TestGateway): Promise<RawClient> {
  const client = await rawTls(port, { ca: pki.ca.certificate })
  t.teardown(() => client.close())
  return client
}

async function statusOf(t: Test, gateway: TestGateway, bytes = post): Promise<number> {
  const client = await connect(t, gateway)
  const { status } = await client.send(bytes).response()
  client.close()
  return status
}

for (const [name, bytes, status] of [['a body', post, 200], ['a WebSocket', ask, 101]] as const) {
  t.test(`${name}: where nobody listens the next URL is tried, with the whole of it`, async (t) => {
    const receiver = await receiverOf(t)
    if (status === 101) receiver.script = answer(switching)
    const gateway = await gatewayTo(t, [`http://127.0.0.1:${await freePort()}`, receiver.url])
    t.equal(await statusOf(t, gateway, bytes), status)
    t.equal(await statusOf(t, gateway, bytes), status)
    t.equal(receiver.seen.length, 2)
    if (status === 200) t.same(receiver.seen.map(({ body }) => body.toString()), ['abc', 'abc'])
    t.match(receiver.seen[0]?.headers.join(' '), new RegExp(`host 127.0.0.1:${receiver.port}`, 'i'), 'under its own name')
  })

  t.test(`${name}: a name that nobody knows`, async (t) => {
    const receiver = await receiverOf(t)
    if (status === 101) receiver.script = answer(switching)
    const gateway = await gatewayTo(t, ['http://nobody.invalid:1', receiver.url])
    t.equal(await statusOf(t, gateway, bytes), status)
    const alone = await gatewayTo(t, ['http://nobody.invalid:1'])
    t.equal(await statusOf(t, alone, bytes), 502)
    t.match(await alone.audit(1), [{ reason: 'receiver-unavailable', facts: { error: /ENOTFOUND|EAI_AGAIN/, phase: 'head' } }])
  })

  t.test(`${name}: one that does not complete its handshake is left after connectTimeout`, async (t) => {
    const receiver = await receiverOf(t)
    if (status === 101) receiver.script = answer(switching)
    const sockets: Socket[] = []
    const silent = createServer((socket) => { sockets.push(socket) })
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    t.teardown(() => { for (const socket of sockets) socket.destroy(); silent.close() })
    const gateway = await gatewayTo(t, [`https://127.0.0.1:${(silent.address() as AddressInfo).port}`, receiver.url], { connectTimeout: '2s' })
    const client = await connect(t, gateway)
    client.send(bytes)
    while (sockets.length === 0) await new Promise(setImmediate)
    gateway.world.clock.advance(2_000)
    t.equal((await client.response()).status, status)
    t.equal(receiver.seen.length, 1)
  })

  t.test(`${name}: connect-timeout where there is no other`, async (t) => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => { sockets.push(socket) })
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    t.teardown(() => { for (const socket of sockets) socket.destroy(); silent.close() })
    const gateway = await gatewayTo(t, [`https://127.0.0.1:${(silent.address() as AddressInfo).port}`], { connectTimeout: '2s' })
    const client = await connect(t, gateway)
    client.send(bytes)
    while (sockets.length === 0) await new Promise(setImmediate)
    gateway.world.clock.advance(2_000)
    t.equal((await client.response()).status, 504)
    t.match(await gateway.audit(1), [{ reason: 'receiver-timeout', facts: { error: 'connect-timeout', phase: 'head' } }])
  })

  t.test(`${name}: once something was written no other URL sees it, and one that fails in a row rests`, async (t) => {
    const [sick, well] = [await receiverOf(t), await receiverOf(t)]
    sick.script = (socket) => { socket.resetAndDestroy() }
    if (status === 101) well.script = answer(switching)
    const gateway = await gatewayTo(t, [sick.url, well.url], { unhealthyAfter: 2, retryAfter: '10s' })
    const statuses: number[] = []
    for (let nth = 0; nth < 8; nth++) statuses.push(await statusOf(t, gateway, bytes))
    t.same(statuses, [502, status, 502, status, status, status, status, status])
    t.same([sick.seen.length, well.seen.length], [2, 6])
    gateway.world.clock.advance(10_001)
    sick.script = status === 101 ? answer(switching) : answerOk
    for (let nth = 0; nth < 4; nth++) t.equal(await statusOf(t, gateway, bytes), status)
    t.same([sick.seen.length, well.seen.length], [4, 8], 'it takes its turns again')
  })
}

t.test('a certificate of another authority: the next URL', async (t) => {
  const receiver = await receiverOf(t)
  const sockets: Socket[] = []
  const gatewayPki = await startGateway(t, { receiver: 0, routes: [streamed] })
  const stranger = await gatewayPki.pki.ca.server()
  const server = createTlsServer({ cert: stranger.chain, key: stranger.key }, (socket) => sockets.push(socket)).on('tlsClientError', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { for (const socket of sockets) socket.destroy(); server.close() })
  const gateway = await gatewayTo(t, [`https://127.0.0.1:${(server.address() as AddressInfo).port}`, receiver.url])
  t.equal(await statusOf(t, gateway), 200)
  t.equal(receiver.seen.length, 1)
})

t.test('answers that are none, and cut ones, count against the health; a sender that leaves or is silent does not', async (t) => {
  for (const [name, script] of [['garbage', answerAndClose('garbage\r\n\r\n')], ['cut', answerAndClose('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')]] as const) {
    const [sick, well] = [await receiverOf(t), await receiverOf(t)]
    sick.script = script
    const gateway = await gatewayTo(t, [sick.url, well.url], { unhealthyAfter: 1, retryAfter: '10s' })
    await statusOf(t, gateway).catch(() => undefined)
    for (let nth = 0; nth < 4; nth++) t.equal(await statusOf(t, gateway), 200)
    t.equal(sick.seen.length, 1, name)
  }
  const [first, second] = [await receiverOf(t), await receiverOf(t)]
  const gateway = await gatewayTo(t, [first.url, second.url], { unhealthyAfter: 1, retryAfter: '10s' })
  const client = await connect(t, gateway)
  client.send('POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc')
  while (first.connections === 0) await new Promise(setImmediate)
  client.close()
  await gateway.audit(1)
  for (let nth = 0; nth < 4; nth++) t.equal(await statusOf(t, gateway), 200)
  t.same([first.seen.length, second.seen.length], [2, 2])
})

t.test('body-timeout: a sender that is silent in the middle of its body; the receiver keeps its health', async (t) => {
  const [first, second] = [await receiverOf(t), await receiverOf(t)]
  const gateway = await gatewayTo(t, [first.url, second.url], { timeout: '2s', unhealthyAfter: 1, retryAfter: '10s' })
  const client = await connect(t, gateway)
  client.send('POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc')
  t.equal((await client.response()).status, 408)
  t.match(await gateway.audit(1), [{ reason: 'body-timeout', status: 408, bytes: 3 }])
  for (let nth = 0; nth < 4; nth++) t.equal(await statusOf(t, gateway), 200)
  t.same([first.seen.length, second.seen.length], [2, 2])
})

t.test('receiver-timeout: one that accepts and never reads, and one that reads and never answers', async (t) => {
  const held: Socket[] = []
  const server = createServer({ pauseOnConnect: true }, (socket) => { held.push(socket) })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { for (const socket of held) socket.destroy(); server.close() })
  const silent = await receiverOf(t)
  silent.script = () => undefined
  for (const url of [`http://127.0.0.1:${(server.address() as AddressInfo).port}`, silent.url]) {
    const well = await receiverOf(t)
    const gateway = await gatewayTo(t, [url, well.url], { timeout: '2s', unhealthyAfter: 1, retryAfter: '10s' })
    const size = 16 * 1024 * 1024
    const client = await connect(t, gateway)
    client.send(url === silent.url ? post : Buffer.concat([Buffer.from(`POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${size}\r\n\r\n`), Buffer.alloc(size)]))
    t.equal((await client.response()).status, 504)
    t.match(await gateway.audit(1), [{ reason: 'receiver-timeout' }])
    for (let nth = 0; nth < 3; nth++) t.equal(await statusOf(t, gateway), 200, 'it rests')
  }
})

t.test('where all connections are taken the time of the next one runs', async (t) => {
  const receiver = await receiverOf(t)
  receiver.script = () => undefined
  const gateway = await gatewayTo(t, [receiver.url], { connections: 1, timeout: '60s' })
  const [first, second] = [await connect(t, gateway), await connect(t, gateway)]
  first.send(post)
  await receiver.sawAtLeast(1)
  second.send(post)
  let answered: number | undefined
  void second.response().then(({ status }) => { answered = status })
  for (; answered === undefined; await new Promise(setImmediate)) gateway.world.clock.advance(100)
  t.equal(answered, 504)
  t.match(await gateway.audit(1), [{ reason: 'receiver-timeout', facts: { error: 'connect-timeout' } }])
  t.equal(receiver.seen.length, 1)
})
