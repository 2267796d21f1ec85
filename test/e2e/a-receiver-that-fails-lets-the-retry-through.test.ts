import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { secretText, startGateway, type TestGateway } from '../support/gateway.ts'
import { freePort } from '../support/ports.ts'
import { rawTls, type RawClient, type RawResponse } from '../support/raw.ts'
import { answer, answerAndClose, answerOk, startReceiver, type Script } from '../support/receiver.ts'

/** Each failure of a receiver: what the sender is told, what becomes of the nonce, what the record says. */

const route = { signature: { preset: 'github', secrets: ['env:SECRET'] }, replay: { onReplay: 'refuse' } }

function signed(body: string): string {
  const signature = createHmac('sha256', secretText).update(body).digest('hex')
  return `POST /hook HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: sha256=${signature}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

const delivery = signed('{"one":1}')

async function connect(t: Test, { port, pki }: TestGateway): Promise<RawClient> {
  const client = await rawTls(port, { ca: pki.ca.certificate })
  t.teardown(() => client.close())
  return client
}

/** 200 once so many bytes of body came. */
function answerBehind(socket: Socket, size: number): void {
  let came = 0
  socket.on('data', (chunk) => {
    came += chunk.length
    if (came >= size) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  })
}

/** The answer; undefined where the connection broke. */
async function send(t: Test, gateway: TestGateway, bytes = delivery): Promise<RawResponse | undefined> {
  const client = await connect(t, gateway)
  client.send(bytes)
  return await client.response().catch(() => undefined)
}

type Row = readonly [name: string, script: Script, status: number | 'broken', reason: string | undefined, nonce: 'released' | 'committed']

const rows: Row[] = [
  ['closed before an answer', (socket) => { socket.end() }, 502, 'receiver-unavailable', 'released'],
  ['reset before an answer', (socket) => { socket.resetAndDestroy() }, 502, 'receiver-unavailable', 'released'],
  ['head cut', answerAndClose('HTTP/1.1 200 OK\r\nContent-'), 502, 'receiver-unavailable', 'released'],
  ['garbage', answer('no HTTP at all\r\n\r\n'), 502, 'receiver-invalid', 'released'],
  ['both framings', answer('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'), 502, 'receiver-invalid', 'released'],
  ['no head at all, as in HTTP/0.9', answerAndClose('<html>hello</html>'), 502, 'receiver-invalid', 'released'],
  ['the preface of HTTP/2', answer('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), 502, 'receiver-invalid', 'released'],
  ['a frame of HTTP/2', answer('\0\0\u0012\u0004\0\0\0\0\0\0\u0003\0\0\0\u0080'), 502, 'receiver-invalid', 'released'],
  ['two lengths', answer('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'), 502, 'receiver-invalid', 'released'],
  ['one length, twice', answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab'), 502, 'receiver-invalid', 'released'],
  ['interim answers without end', answer(`${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(17)}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`), 502, 'receiver-invalid', 'released'],
  ['an interim answer and no other', answerAndClose('HTTP/1.1 100 Continue\r\n\r\n'), 502, 'receiver-unavailable', 'released'],
  ['accepted, junk behind a chunk', answer('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabJUNK\r\n0\r\n\r\n'), 'broken', 'receiver-invalid', 'committed'],
  ['accepted, reset in the body', (socket) => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab', () => socket.resetAndDestroy()) }, 'broken', 'receiver-invalid', 'committed'],
  ['an unasked 100, then 200', answer('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'), 200, undefined, 'committed'],
  ['102, 103 and 100, then 503', answer('HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n'), 503, undefined, 'released'],
  ['204 in chunks', answer('HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nextra\r\n0\r\n\r\n'), 204, undefined, 'committed'],
  ['304 with a body', answer('HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nextra'), 304, undefined, 'released'],
  ['trailers are dropped', answer('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSet-Cookie: x\r\n\r\n'), 200, undefined, 'committed'],
  ['1.0, until the end of the connection', answerAndClose('HTTP/1.0 200 OK\r\n\r\nabc'), 200, undefined, 'committed'],
  ['another protocol', answer('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'), 502, 'receiver-invalid', 'released'],
  ['a head that is too large', answer(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`), 502, 'receiver-invalid', 'released'],
  ['500', answer('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n'), 500, undefined, 'released'],
  ['503 with Retry-After', answer('HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n'), 503, undefined, 'released'],
  ['400', answer('HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n'), 400, undefined, 'released'],
  ['304 with a length', answer('HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'), 304, undefined, 'released'],
  ['302', answer('HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n'), 302, undefined, 'released'],
  ['an error whose body is cut', answerAndClose('HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\nab'), 'broken', 'receiver-invalid', 'released'],
  ['204', answer('HTTP/1.1 204 No Content\r\n\r\n'), 204, undefined, 'committed'],
  ['204 with a body', answer('HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nextra'), 204, undefined, 'committed'],
  ['early hints, then 200', answer('HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'), 200, undefined, 'committed'],
  ['accepted, body cut', answerAndClose('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab'), 'broken', 'receiver-invalid', 'committed'],
  ['accepted, chunks cut', answerAndClose('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n'), 'broken', 'receiver-invalid', 'committed'],
  ['until the end of the connection', answerAndClose('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc'), 200, undefined, 'committed'],
]

for (const [name, script, status, reason, nonce] of rows) {
  t.test(name, async (t) => {
    const receiver = await startReceiver({ script })
    t.teardown(() => receiver.close())
    const gateway = await startGateway(t, { receiver: receiver.port, routes: [route] })
    const response = await send(t, gateway)
    t.equal(response?.status ?? 'broken', status)
    if (typeof status === 'number' && reason !== undefined) t.match(JSON.parse(response?.body.toString() ?? ''), { status, reason })
    t.match(await gateway.audit(1), [{ nonce, ...(reason === undefined ? {} : { reason }) }])
    t.equal(receiver.seen.length, 1, 'sent once')
    receiver.script = answerOk
    t.equal((await send(t, gateway))?.status, nonce === 'released' ? 200 : 409, 'the same delivery again')
    t.equal((await send(t, gateway))?.status, 409, 'and again')
    t.equal(receiver.seen.length, nonce === 'released' ? 2 : 1)
  })
}

t.test('nobody listens', async (t) => {
  const port = await freePort()
  const gateway = await startGateway(t, { receiver: port, routes: [route] })
  t.equal((await send(t, gateway))?.status, 502)
  t.match(await gateway.audit(1), [{ reason: 'receiver-unavailable', nonce: 'released', facts: { phase: 'connect' } }])
  const receiver = await startReceiver({ port })
  t.teardown(() => receiver.close())
  t.equal((await send(t, gateway))?.status, 200, 'the same delivery again, now that somebody listens')
  t.equal((await send(t, gateway))?.status, 409)
  t.equal(receiver.seen.length, 1)
})

t.test('reset before the request was written to its end', async (t) => {
  const size = 900_000
  const receiver = createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => { if (isDown) socket.resetAndDestroy(); else socket.resume() })
    if (!isDown) answerBehind(socket, size)
  })
  let isDown = true
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: (receiver.address() as AddressInfo).port, routes: [route] })
  const large = signed('x'.repeat(size))
  t.equal((await send(t, gateway, large))?.status, 502)
  t.match(await gateway.audit(1), [{ reason: 'receiver-unavailable', nonce: 'released', bytes: size }])
  isDown = false
  t.equal((await send(t, gateway, large))?.status, 200)
  t.equal((await send(t, gateway, large))?.status, 409)
})

t.test('an answer before the request was read to its end', async (t) => {
  const size = 900_000
  let status = 413
  const receiver = createServer({ allowHalfOpen: true }, (socket) => {
    t.teardown(() => socket.destroy())
    socket.on('error', () => undefined).once('data', () => {
      socket.pause().end(`HTTP/1.1 ${status} Early\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
    })
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: (receiver.address() as AddressInfo).port, routes: [route] })
  const large = signed('y'.repeat(size))
  t.equal((await send(t, gateway, large))?.status, 413)
  t.match(await gateway.audit(1), [{ verdict: 'accepted', status: 413, nonce: 'released' }])
  status = 200
  t.equal((await send(t, gateway, large))?.status, 200)
  t.equal((await send(t, gateway, large))?.status, 409)
})

for (const [name, text] of [['no answer', ''], ['a slow head', 'HTTP/1.1 200 OK\r\nX-']] as const) {
  t.test(`time is up: ${name}`, async (t) => {
    const receiver = await startReceiver({ script: answer(text) })
    t.teardown(() => receiver.close())
    const gateway = await startGateway(t, { receiver: receiver.port, routes: [route] })
    const answered = send(t, gateway)
    await receiver.sawAtLeast(1)
    t.equal((await send(t, gateway))?.status, 503, 'meanwhile it is in flight')
    gateway.world.clock.advance(5_000)
    t.equal((await answered)?.status, 504)
    receiver.script = answerOk
    t.equal((await send(t, gateway))?.status, 200)
    t.equal(receiver.seen.length, 2)
    t.match((await gateway.audit(3)).slice(0, 2), [{ reason: 'in-flight' }, { reason: 'receiver-timeout', nonce: 'released' }])
  })
}

t.test('time is up in the body of an accepted delivery', async (t) => {
  // More than comes in one piece: the first one leaves when the second has come.
  const receiver = await startReceiver({ script: answer(`HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n${'a'.repeat(200_000)}`) })
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [route] })
  const client = await connect(t, gateway)
  client.send(delivery)
  const answered = client.response().catch(() => 'broken')
  // The first bytes come behind the commit.
  await once(client.socket, 'data')
  gateway.world.clock.advance(5_000)
  t.equal(await answered, 'broken')
  t.match(await gateway.audit(1), [{ reason: 'receiver-timeout', nonce: 'committed' }])
  t.equal((await send(t, gateway))?.status, 409)
  t.equal(receiver.seen.length, 1)
})

t.test('the sender hangs up while the receiver is at work: what was accepted stays accepted', async (t) => {
  let finish = (): void => undefined
  const receiver = await startReceiver({ script: (socket, seen, nth) => { finish = () => answerOk(socket, seen, nth) } })
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [route] })
  const client = await connect(t, gateway)
  client.send(delivery)
  await receiver.sawAtLeast(1)
  client.close()
  finish()
  t.match(await gateway.audit(1), [{ verdict: 'accepted', nonce: 'committed' }])
  t.equal((await send(t, gateway))?.status, 409)
})

t.test('an answer larger than any buffer streams through, at the pace of the sender', async (t) => {
  const size = 32 * 1024 * 1024
  const receiver = await startReceiver({
    script: (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
      socket.write(Buffer.alloc(size, 97))
    },
  })
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [route] })
  const client = await connect(t, gateway)
  let came = 0
  client.socket.removeAllListeners('data')
  const whole = new Promise<void>((resolve) => client.socket.on('data', (chunk) => {
    came += chunk.length
    client.socket.pause()
    setImmediate(() => client.socket.resume())
    if (came > size) resolve()
  }))
  client.send(delivery)
  await whole
  t.ok(came > size && came < size + 1_000)
})

t.test('several URLs: the next one where nothing was written', async (t) => {
  const alive = await startReceiver()
  t.teardown(() => alive.close())
  const dead = await freePort()
  const gateway = await startGateway(t, {
    receiver: dead, routes: [route],
    settings: { receivers: { target: { url: [`http://127.0.0.1:${dead}`, alive.url], timeout: '5s' } } },
  })
  for (let nth = 0; nth < 4; nth++) t.equal((await send(t, gateway, signed(`{"nth":${nth}}`)))?.status, 200)
  t.equal(alive.seen.length, 4)
})
