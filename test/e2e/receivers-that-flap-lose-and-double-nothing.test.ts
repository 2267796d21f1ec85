import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import t from 'tap'
import { secretText, startGateway, type TestGateway } from '../support/gateway.ts'
import { freePorts } from '../support/ports.ts'
import { rawTls } from '../support/raw.ts'
import { answerOk, startReceiver, type Script, type TestReceiver } from '../support/receiver.ts'

/**
 * Receivers that fail in every way, in a random order that is told: each delivery is sent until it is accepted, and is
 * accepted once.
 */

const route = { signature: { preset: 'github', secrets: ['env:SECRET'] }, replay: { onReplay: 'refuse' } }

function signed(body: string): string {
  const signature = createHmac('sha256', secretText).update(body).digest('hex')
  return `POST /hook HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: sha256=${signature}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** Mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const troubles: Script[] = [
  (socket) => { socket.write('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n') },
  (socket) => { socket.write('HTTP/1.1 503 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno') },
  (socket) => { socket.end() },
  (socket) => { socket.resetAndDestroy() },
  (socket) => { socket.end('HTTP/1.1 200 OK\r\nConte') },
  (socket) => { socket.end('no HTTP\r\n\r\n') },
  (socket) => { socket.write('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n', () => socket.resetAndDestroy()) },
]

const seed = Number(process.env['SALLYPORT_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

t.test(`flapping receivers (SALLYPORT_SEED=${seed})`, async (t) => {
  const random = randomFrom(seed)
  const accepted = new Map<string, number>()
  const script: Script = (socket, seen, nth) => {
    // A connection that was closed on our side answers nothing any more.
    if (!socket.writable) return
    const trouble = troubles[Math.floor(random() * troubles.length)] as Script
    if (random() < 0.5) return trouble(socket, seen, nth)
    const body = seen.body.toString()
    accepted.set(body, (accepted.get(body) ?? 0) + 1)
    answerOk(socket, seen, nth)
    // Closed between two deliveries, without a word before.
    if (random() < 0.3) socket.end()
  }
  const ports = await freePorts(2)
  const up: (TestReceiver | undefined)[] = await Promise.all(ports.map((port) => startReceiver({ script, port })))
  t.teardown(() => Promise.all(up.map((one) => one?.close())))
  const gateway = await startGateway(t, {
    receiver: 0, routes: [route],
    settings: { receivers: { target: { url: ports.map((port) => `http://127.0.0.1:${port}`), timeout: '5s', unhealthyAfter: 2, retryAfter: '1s' } } },
  })
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
  t.teardown(() => client.close())
  const statuses = new Set<number>()
  for (let nth = 0; nth < 150; nth++) {
    const body = `{"nth":${nth}}`
    const [at, port] = nth % 20 < 10 ? [0, ports[0]] : [1, ports[1]]
    if (nth % 5 === 0) {
      await up[at]?.close()
      up[at] = up[at] === undefined ? await startReceiver({ script, port: port as number }) : undefined
    }
    for (let status = 0; status !== 200;) {
      status = (await client.send(signed(body)).response()).status
      statuses.add(status)
      if (status === 502) gateway.world.clock.advance(300)
    }
    if (accepted.get(body) !== 1) t.fail(`${body} was accepted ${accepted.get(body)} times`)
    if (nth % 10 === 0) t.equal((await client.send(signed(body)).response()).status, 409)
  }
  t.equal(accepted.size, 150)
  t.strictSame([...statuses].sort(), [200, 500, 502, 503])
})

async function sendOn(gateway: TestGateway, body: string): Promise<number> {
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
  try {
    return (await client.send(signed(body)).response()).status
  } finally {
    client.close()
  }
}

t.test('a receiver closes the connection between two deliveries: nobody hears of it', async (t) => {
  for (const goodbye of ['end', 'reset'] as const) {
    const open: Socket[] = []
    const receiver = await startReceiver({ script: (socket, seen, nth) => { open.push(socket); answerOk(socket, seen, nth) } })
    t.teardown(() => receiver.close())
    const gateway = await startGateway(t, { receiver: receiver.port, routes: [route] })
    for (let nth = 0; nth < 10; nth++) {
      t.equal(await sendOn(gateway, `{"${goodbye}":${nth}}`), 200)
      const socket = open.pop() as Socket
      const gone = new Promise((resolve) => socket.once('close', resolve))
      if (goodbye === 'end') socket.end()
      else socket.resetAndDestroy()
      await gone
    }
    t.equal(receiver.seen.length, 10, 'each was sent once')
  }
})

t.test('half-open: one that says goodbye and reads on gets no further delivery on that connection', async (t) => {
  const connections: Promise<unknown>[] = []
  const receiver = createServer({ allowHalfOpen: true }, (socket) => {
    connections.push(once(socket, 'end'))
    t.teardown(() => socket.destroy())
    socket.on('error', () => undefined).once('data', () => { socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok') })
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: (receiver.address() as AddressInfo).port, routes: [route] })
  for (let nth = 0; nth < 5; nth++) {
    t.equal(await sendOn(gateway, `{"half":${nth}}`), 200)
    // The goodbye stands right behind the answer; whoever has read it says goodbye, too.
    await connections[nth]
  }
  t.equal(connections.length, 5)
})

t.test('half-open: one that accepts and never answers is a time-out, and is left alone while another one lives', async (t) => {
  const dead = await startReceiver({ script: () => undefined })
  const alive = await startReceiver()
  t.teardown(() => Promise.all([dead.close(), alive.close()]))
  const gateway = await startGateway(t, {
    receiver: 0, routes: [route],
    settings: { receivers: { target: { url: [dead.url, alive.url], timeout: '5s', unhealthyAfter: 1, retryAfter: '1m' } } },
  })
  const slow = sendOn(gateway, '{"slow":1}')
  await dead.sawAtLeast(1)
  gateway.world.clock.advance(5_000)
  t.equal(await slow, 504)
  for (let nth = 0; nth < 4; nth++) t.equal(await sendOn(gateway, `{"after":${nth}}`), 200)
  t.equal(await sendOn(gateway, '{"slow":1}'), 200, 'the retry gets through, on the other one')
  t.equal(dead.seen.length, 1)
})
