import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { startGateway, type GatewayOptions, type TestGateway } from '../support/gateway.ts'
import { day, hour, type Identity } from '../support/pki.ts'
import { RawClient, valueOf } from '../support/raw.ts'

const live = { match: { path: '/live', methods: ['GET', 'POST'] }, open: true, body: 'stream', forward: { to: 'target', upgrade: ['websocket'] } }

const ask = (lines: readonly string[] = ['Connection: Upgrade', 'Upgrade: websocket'], line = 'GET /live?q=%2F HTTP/1.1'): string => (
  [line, 'Host: localhost', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', ...lines, '', ''].join('\r\n')
)

/** A masked text frame, as a client writes it (RFC 6455 §5.2). */
function frame(text: string): Buffer {
  const mask = Buffer.from([1, 2, 3, 4])
  const payload = Buffer.from(text).map((byte, at) => byte ^ (mask[at % 4] as number))
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length]), mask, payload])
}
/** The same text as a server writes it. */
const plainFrame = (text: string): Buffer => Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)])

const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n'

/** A receiver of bytes: what its connections wrote, and the connections. */
interface RawReceiver { readonly port: number; readonly sockets: Socket[]; readonly came: () => string; readonly saw: (text: string) => Promise<void> }

async function rawReceiver(t: Test, behave: (socket: Socket, head: string) => void): Promise<RawReceiver> {
  const sockets: Socket[] = []
  let came = ''
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket)
    let isAnswered = false
    socket.on('error', () => undefined).on('data', (chunk) => {
      came += chunk.toString('latin1')
      if (isAnswered || !came.includes('\r\n\r\n')) return
      isAnswered = true
      behave(socket, came)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { for (const socket of sockets) socket.destroy(); server.close() })
  return {
    port: (server.address() as AddressInfo).port, sockets, came: () => came,
    saw: async (text) => { while (!came.includes(text)) await new Promise(setImmediate) },
  }
}

const opens = (socket: Socket): void => { socket.write(`${switching}\r\n`) }

async function start(t: Test, receiver: number, options: Partial<GatewayOptions> = {}): Promise<TestGateway> {
  return await startGateway(t, { receiver, routes: [live], ...options })
}

async function connect(t: Test, { port, pki, world }: TestGateway, shown?: Identity): Promise<RawClient> {
  const identity = shown === undefined ? {} : { cert: shown.chain, key: shown.key }
  const below = connectTcp({ host: '127.0.0.1', port, allowHalfOpen: true })
  const socket = connectTls({ socket: below, servername: 'localhost', ca: pki.ca.certificate, ...identity })
  await once(socket, 'secureConnect')
  // What is half closed then is idle.
  t.teardown(() => { socket.destroy(); world.clock.advance(hour) })
  return new RawClient(socket)
}

/** A connection on which the protocol was changed. */
async function opened(t: Test, gateway: TestGateway, shown?: Identity): Promise<RawClient> {
  const client = await connect(t, gateway, shown)
  t.equal((await client.send(ask()).response()).status, 101)
  return client
}

async function received(client: RawClient, length: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  client.socket.on('data', (chunk) => chunks.push(chunk))
  while (Buffer.concat(chunks).length < length) await new Promise(setImmediate)
  return Buffer.concat(chunks)
}

t.test('a WebSocket library on both ends: text, a megabyte, ping, goodbye; one record', async (t) => {
  const server = createHttpServer()
  const sockets = new WebSocketServer({ server })
  const seen: IncomingMessage[] = []
  sockets.on('connection', (socket, request) => {
    seen.push(request)
    socket.on('message', (data, isBinary) => { socket.send(data, { binary: isBinary }) })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { server.closeAllConnections(); server.close() })
  const gateway = await start(t, (server.address() as AddressInfo).port)
  const socket = new WebSocket(`wss://localhost:${gateway.port}/live?q=%2F`, {
    ca: gateway.pki.ca.certificate, lookup: (_host, _options, done) => { (done as (e: null, a: object[]) => void)(null, [{ address: '127.0.0.1', family: 4 }]) },
    headers: { 'X-Forwarded-For': '6.6.6.6', 'Sallyport-Sender': 'forged', 'X-Own': 'kept' },
  })
  await once(socket, 'open')
  socket.send('hello')
  t.equal(String((await once(socket, 'message'))[0]), 'hello')
  const large = Buffer.alloc(1024 * 1024, 7)
  socket.send(large)
  t.ok(large.equals((await once(socket, 'message'))[0] as Buffer))
  socket.ping()
  await once(socket, 'pong')
  socket.close(4000, 'bye')
  t.equal((await once(socket, 'close'))[0], 4000)
  const [record, ...others] = await gateway.audit(1)
  t.strictSame(others, [])
  t.match(record, { verdict: 'accepted', status: 101, route: 'route-0', facts: { protocol: 'websocket' } })
  t.match((record?.['facts'] as { ended: string }).ended, /^(sender|receiver)$/)
  t.ok(record?.['bytes'] as number > large.length && (record?.['facts'] as { bytesBack: number }).bytesBack > large.length)
  const [request] = seen
  t.equal(request?.url, '/live?q=%2F')
  t.match(request?.headers, { connection: 'Upgrade', upgrade: 'websocket', 'x-forwarded-for': '127.0.0.1', 'sallyport-route': 'route-0', 'x-own': 'kept', 'sec-websocket-version': '13' })
  t.equal(request?.headers['sallyport-sender'], undefined)
})

t.test('byte for byte: our own hop-by-hop lines on both sides, what was written ahead, each direction closed by itself', async (t) => {
  const receiver = await rawReceiver(t, (socket) => {
    socket.write(Buffer.concat([Buffer.from(`${switching}Keep-Alive: timeout=5\r\nX-Hop: 1\r\nConnection: x-hop\r\nSallyport-Route: forged\r\nX-Own: 1\r\n\r\n`), plainFrame('first')]))
  })
  const gateway = await start(t, receiver.port)
  const client = await connect(t, gateway)
  client.send(Buffer.concat([Buffer.from(ask(['Connection: keep-alive, Upgrade, X-Gone', 'Upgrade: WebSocket', 'X-Gone: 1', 'Upgrade-Insecure-Requests: 1'])), frame('ahead')]))
  const { status, headers } = await client.response()
  t.equal(status, 101)
  t.strictSame(headers.filter((_, at) => at % 2 === 0), ['Sec-WebSocket-Accept', 'X-Own', 'Connection', 'Upgrade', 'Sallyport-Delivery'])
  t.equal(valueOf(headers, 'connection'), 'Upgrade')
  t.equal(valueOf(headers, 'upgrade'), 'websocket')
  await receiver.saw(frame('ahead').toString('latin1'))
  const head = receiver.came().slice(0, receiver.came().indexOf('\r\n\r\n'))
  t.match(head, /^GET \/live\?q=%2F HTTP\/1\.1\r\n/)
  t.notMatch(head, /x-gone|keep-alive/i)
  t.equal(head.match(/^connection:/gim)?.length, 1)
  t.equal(head.match(/^upgrade:/gim)?.length, 1)
  const [socket] = receiver.sockets as [Socket]
  client.socket.end(frame('last'))
  await Promise.all([receiver.saw(frame('last').toString('latin1')), once(socket, 'end')])
  socket.end(plainFrame('still heard'))
  const { how, rest } = await client.ended()
  t.equal(how, 'end')
  t.strictSame(rest, Buffer.concat([plainFrame('first'), plainFrame('still heard')]))
  t.match(await gateway.audit(1), [{ verdict: 'accepted', status: 101, bytes: frame('ahead').length + frame('last').length, facts: { bytesBack: rest.length, ended: 'sender' } }])
})

t.test('the receiver says goodbye first, the sender still speaks', async (t) => {
  const receiver = await rawReceiver(t, opens)
  const gateway = await start(t, receiver.port)
  const client = await opened(t, gateway)
  ;(receiver.sockets[0] as Socket).end(plainFrame('bye'))
  await once(client.socket, 'end')
  client.socket.end(frame('heard'))
  await receiver.saw(frame('heard').toString('latin1'))
  t.match(await gateway.audit(1), [{ bytes: frame('heard').length, facts: { bytesBack: 5, ended: 'receiver' } }])
})

t.test('whoever breaks off is named, and the other one is broken off, too', async (t) => {
  const receiver = await rawReceiver(t, opens)
  const gateway = await start(t, receiver.port)
  const below = connectTcp({ host: '127.0.0.1', port: gateway.port })
  // TLS over a stream and not over the socket itself, which is to be reset.
  const one = new RawClient(connectTls({ socket: Duplex.from({ readable: below, writable: below }), servername: 'localhost', ca: gateway.pki.ca.certificate }))
  t.equal((await one.send(ask()).response()).status, 101)
  const two = await opened(t, gateway)
  below.resetAndDestroy()
  await once(receiver.sockets[0] as Socket, 'end')
  await gateway.audit(1)
  ;(receiver.sockets[1] as Socket).resetAndDestroy()
  await two.ended()
  const ends = (await gateway.audit(2)).map(({ facts }) => (facts as { ended: string }).ended)
  t.strictSame(ends, ['sender-broke', 'receiver-broke'])
})

const refused: [string, string, Record<string, unknown>?][] = [
  ['where the route does not say so', ask(), { forward: { to: 'target' } }],
  ['where bodies are held', ask(), { forward: { to: 'target' }, body: 'buffer' }],
  ['h2c', ask(['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'])],
  ['h2c beside websocket', ask(['Connection: Upgrade', 'Upgrade: websocket, h2c'])],
  ['h2c in a line of its own', ask(['Connection: Upgrade', 'Upgrade: websocket', 'Upgrade: h2c'])],
  ['websocket with a version', ask(['Connection: Upgrade', 'Upgrade: websocket/13'])],
  ['TLS', ask(['Connection: Upgrade', 'Upgrade: TLS/1.2'])],
  ['nothing', ask(['Connection: Upgrade', 'Upgrade:'])],
  ['with POST', ask(['Connection: Upgrade', 'Upgrade: websocket', 'Content-Length: 0'], 'POST /live HTTP/1.1')],
  ['with a POST that has a body', `${ask(['Connection: Upgrade', 'Upgrade: h2c', 'Content-Length: 5'], 'POST /live HTTP/1.1')}hello`],
  ['in HTTP/1.0', ask(undefined, 'GET /live HTTP/1.0')],
]
for (const [name, request, route] of refused) {
  t.test(`refused, and nothing behind it is read: ${name}`, async (t) => {
    const receiver = await rawReceiver(t, (socket) => { socket.write(`${switching}\r\n`) })
    const gateway = await start(t, receiver.port, { routes: [{ ...live, ...route }] })
    const client = await connect(t, gateway)
    client.send(`${request}GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    const response = await client.response()
    t.equal(response.status, 403)
    t.match(JSON.parse(response.body.toString()), { reason: 'upgrade-not-allowed' })
    t.equal(valueOf(response.headers, 'connection'), 'close')
    gateway.world.clock.advance(3_000)
    t.equal((await client.ended()).rest.length, 0)
    t.match(await gateway.audit(1), [{ verdict: 'refused', reason: 'upgrade-not-allowed' }])
    t.equal(receiver.sockets.length, 0)
  })
}

t.test('an `Upgrade` that `Connection` does not name is another hop\'s: dropped', async (t) => {
  const receiver = await rawReceiver(t, (socket) => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n') })
  const gateway = await start(t, receiver.port)
  const client = await connect(t, gateway)
  t.equal((await client.send(ask(['Upgrade: h2c'])).response()).status, 200)
  t.notMatch(receiver.came(), /upgrade:/i)
})

t.test('the checks of the route are asked first', async (t) => {
  const receiver = await rawReceiver(t, opens)
  const gateway = await start(t, receiver.port, { routes: [{ ...live, open: undefined, certificate: {} }] })
  const client = await connect(t, gateway)
  t.equal((await client.send(ask()).response()).status, 403)
  await client.ended()
  t.match(await gateway.audit(1), [{ reason: 'certificate-missing' }])
  t.equal(receiver.sockets.length, 0)
  await opened(t, gateway, gateway.sender)
  t.match(receiver.came(), /^Client-Cert: :/m)
})

t.test('where the head of such a request is not sound, nothing is handed over', async (t) => {
  const receiver = await rawReceiver(t, opens)
  const gateway = await start(t, receiver.port)
  const rows = [
    ask(['Connection: Upgrade', 'Upgrade: websocket', 'Content-Length: 5']), ask(['Connection: Upgrade, Host', 'Upgrade: websocket']),
    ask(undefined, 'GET /live/../x HTTP/1.1'), ask(['Connection: Upgrade', 'Upgrade: websocket', 'Host: other']),
  ]
  for (const row of rows) {
    const client = await connect(t, gateway)
    t.equal((await client.send(row).response()).status, 400, row)
    gateway.world.clock.advance(3_000)
    await client.ended()
  }
  t.equal(receiver.sockets.length, 0)
})

const answers: [string, (socket: Socket) => void, number, string | undefined, string?][] = [
  ['an ordinary answer, in chunks', (socket) => { socket.write('HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\nWWW-Authenticate: x\r\n\r\n2\r\nno\r\n0\r\n\r\n') }, 401, undefined, 'no'],
  ['an ordinary answer with a length', (socket) => { socket.write('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 3\r\nSec-WebSocket-Version: 13\r\n\r\nold') }, 426, undefined, 'old'],
  ['an ordinary 200', (socket) => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok') }, 200, undefined, 'ok'],
  ['hints first', (socket) => { socket.write('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n') }, 404, undefined, ''],
  ['hints without end', (socket) => { socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(30)) }, 502, 'receiver-invalid'],
  ['another protocol', (socket) => { socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n') }, 502, 'receiver-invalid'],
  ['garbage', (socket) => { socket.write('no HTTP\r\n\r\n') }, 502, 'receiver-invalid'],
  ['closed', (socket) => { socket.end() }, 502, 'receiver-unavailable'],
  ['reset', (socket) => { socket.resetAndDestroy() }, 502, 'receiver-unavailable'],
]
for (const [name, behave, status, reason, body] of answers) {
  t.test(`the receiver does not change protocols: ${name}`, async (t) => {
    const receiver = await rawReceiver(t, behave)
    const gateway = await start(t, receiver.port)
    const client = await connect(t, gateway)
    client.send(`${ask()}GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    const response = await client.response()
    t.equal(response.status, status)
    if (body !== undefined) t.equal(response.body.toString(), body)
    gateway.world.clock.advance(3_000)
    t.equal((await client.ended()).rest.length, 0, 'nothing behind it is served')
    t.match(await gateway.audit(1), [{ verdict: reason === undefined ? 'accepted' : 'refused', status, ...(reason === undefined ? {} : { reason }) }])
    t.equal(receiver.came().split('GET ').length, 2, 'what was written ahead went nowhere')
  })
}

t.test('nobody listens; no answer in time; the sender goes while it waits', async (t) => {
  const receiver = await rawReceiver(t, () => undefined)
  const gateway = await start(t, receiver.port, { routes: [live, { ...live, match: { path: '/dead', methods: ['GET'] }, forward: { to: 'dead', upgrade: ['websocket'] } }],
    settings: { receivers: { target: { url: `http://127.0.0.1:${receiver.port}`, timeout: '5s' }, dead: { url: 'unix:nowhere.sock' } } } })
  const [dead, slow, gone] = [await connect(t, gateway), await connect(t, gateway), await connect(t, gateway)]
  t.equal((await dead.send(ask(undefined, 'GET /dead HTTP/1.1')).response()).status, 502)
  slow.send(ask())
  await receiver.saw('GET ')
  gateway.world.clock.advance(5_000)
  t.equal((await slow.response()).status, 504)
  gone.send(ask())
  while (receiver.sockets.length < 2) await new Promise(setImmediate)
  gone.socket.destroy()
  await once(receiver.sockets[1] as Socket, 'end')
  t.match(await gateway.audit(3), [{ reason: 'receiver-unavailable' }, { reason: 'receiver-timeout' }, { reason: 'body-incomplete' }])
})

t.test('nothing moves for `idleTimeout`: both are parted', async (t) => {
  const receiver = await rawReceiver(t, opens)
  const gateway = await start(t, receiver.port, { settings: { limits: { idleTimeout: '60s' } } })
  const client = await opened(t, gateway)
  gateway.world.clock.advance(59_000)
  client.send(frame('alive'))
  await receiver.saw(frame('alive').toString('latin1'))
  gateway.world.clock.advance(59_000)
  ;(receiver.sockets[0] as Socket).write(plainFrame('alive'))
  await received(client, 1)
  gateway.world.clock.advance(59_999)
  t.notOk(client.socket.destroyed || receiver.sockets[0]?.readableEnded)
  gateway.world.clock.advance(1)
  await Promise.all([client.ended(), once(receiver.sockets[0] as Socket, 'end')])
  t.match(await gateway.audit(1), [{ facts: { ended: 'idle' } }])
})

t.test('the drain waits for it as long as it waits, and cuts it', async (t) => {
  const receiver = await rawReceiver(t, opens)
  const gateway = await start(t, receiver.port)
  const client = await opened(t, gateway)
  const drained = gateway.gateway.drain()
  await new Promise(setImmediate)
  gateway.world.clock.advance(19_999)
  client.send(frame('still'))
  await receiver.saw(frame('still').toString('latin1'))
  gateway.world.clock.advance(1)
  await Promise.all([client.ended(), drained])
  t.match(await gateway.audit(1), [{ verdict: 'accepted', facts: { ended: 'drain' } }])
})

t.test('`maxConnectionAge` ends it', async (t) => {
  const receiver = await rawReceiver(t, opens)
  const gateway = await start(t, receiver.port, { settings: { limits: { maxConnectionAge: '30s' } } })
  const client = await opened(t, gateway)
  gateway.world.clock.advance(30_000)
  await Promise.all([client.ended(), once(receiver.sockets[0] as Socket, 'end')])
  t.match(await gateway.audit(1), [{ facts: { ended: 'age' } }])
})

const certified = [{ ...live, open: undefined, certificate: {} }]

t.test('a certificate that is revoked by a reload ends it; others go on', async (t) => {
  const receiver = await rawReceiver(t, opens)
  const gateway = await start(t, receiver.port, { routes: certified, clientCertificate: { crl: ['ca.crl'] }, files: async ({ ca }) => ({ 'ca.crl': await ca.crl() }) })
  const other = await opened(t, gateway, await gateway.pki.ca.client())
  const client = await opened(t, gateway, gateway.sender)
  writeFileSync(join(gateway.directory, 'ca.crl'), await gateway.pki.ca.crl([gateway.sender]))
  t.equal(await gateway.gateway.reload(), 'taken')
  await client.ended()
  t.match(await gateway.audit(1), [{ facts: { ended: 'certificate' } }])
  other.send(frame('on'))
  await receiver.saw(frame('on').toString('latin1'))
})

t.test('a certificate that expires ends it, without a reload', async (t) => {
  const receiver = await rawReceiver(t, opens)
  const gateway = await start(t, receiver.port, { routes: certified, settings: { limits: { idleTimeout: '1d', maxConnectionAge: '7d' } } })
  const now = gateway.world.clock.now()
  const client = await opened(t, gateway, await gateway.pki.ca.client({ notBefore: now - day, notAfter: now + hour }))
  gateway.world.clock.advance(hour + 6_000)
  await client.ended()
  t.match(await gateway.audit(1), [{ facts: { ended: 'certificate' } }])
})

t.test('it counts as under way for as long as it lasts', async (t) => {
  const receiver = await rawReceiver(t, opens)
  const gateway = await start(t, receiver.port, { settings: { limits: { inFlight: 1 } } })
  const client = await opened(t, gateway)
  const second = await connect(t, gateway)
  t.equal((await second.send(ask()).response()).status, 503)
  client.socket.end()
  await once(receiver.sockets[0] as Socket, 'end')
  ;(receiver.sockets[0] as Socket).end()
  await gateway.audit(2)
  await opened(t, gateway)
  t.equal(receiver.sockets.length, 2)
})

t.test('behind a request that is under way it waits for its turn', async (t) => {
  const large = 'x'.repeat(300_000)
  let answer = (): void => undefined
  const receiver = await rawReceiver(t, (socket, head) => {
    if (head.includes('GET')) return opens(socket)
    answer = () => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${large.length}\r\n\r\n${large}`)
  })
  const gateway = await start(t, receiver.port)
  const client = await connect(t, gateway)
  client.send(Buffer.concat([Buffer.from(`POST /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}${ask()}`), frame('ahead')]))
  await receiver.saw('{}')
  t.notMatch(receiver.came(), /GET/)
  answer()
  t.equal((await client.response()).body.length, large.length)
  t.equal((await client.response()).status, 101)
  await receiver.saw(frame('ahead').toString('latin1'))
})

t.test('an ordinary delivery, and then a change on the same connection', async (t) => {
  const receiver = await rawReceiver(t, (socket, head) => { if (head.startsWith('GET')) opens(socket); else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n') })
  const gateway = await start(t, receiver.port)
  const client = await connect(t, gateway)
  t.equal((await client.send('POST /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}').response()).status, 200)
  client.send(ask())
  await receiver.saw('GET /live')
  t.equal(receiver.sockets.length, 2)
})

t.test('a receiver that does not read stops the sender', async (t) => {
  const receiver = await rawReceiver(t, (socket) => { opens(socket); socket.pause() })
  const gateway = await start(t, receiver.port)
  const client = await opened(t, gateway)
  const [block, count] = [Buffer.alloc(64 * 1024, 97), 1024]
  for (let nth = 0; nth < count; nth++) client.socket.write(block)
  let left = client.socket.writableLength
  for (let still = 0; still < 200; still = client.socket.writableLength === left ? still + 1 : 0) {
    left = client.socket.writableLength
    await new Promise(setImmediate)
  }
  t.ok(left > 32 * 1024 * 1024, `${left} bytes are still with the sender`)
})
