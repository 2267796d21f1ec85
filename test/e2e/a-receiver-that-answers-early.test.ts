import { createHmac } from 'node:crypto'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { secretText, startGateway, type TestGateway } from '../support/gateway.ts'
import { rawTls } from '../support/raw.ts'

/** A receiver that answers with the first bytes of a request, and reads no more of it: its connection is let go of, with what was to be written. */

const route = { signature: { preset: 'github', secrets: ['env:SECRET'] }, replay: { onReplay: 'refuse' } }
/** More than the system takes for a socket that nobody reads. */
const size = 24 * 1024 * 1024

function signed(body: string): string {
  const signature = createHmac('sha256', secretText).update(body).digest('hex')
  return `POST /hook HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: sha256=${signature}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

async function start(t: Test, status: string): Promise<{ readonly gateway: TestGateway; readonly sockets: Socket[]; readonly statusOf: (bytes: string) => Promise<number> }> {
  const sockets: Socket[] = []
  const receiver = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined))
    socket.once('data', () => socket.pause().write(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`))
  })
  await new Promise<void>((listening) => { receiver.listen(0, '127.0.0.1', listening) })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    receiver.close()
  })
  const { port } = receiver.address() as AddressInfo
  const target = { url: `http://127.0.0.1:${port}`, timeout: '5s', connections: 1 }
  const gateway = await startGateway(t, { receiver: port, routes: [route], settings: { receivers: { target }, limits: { body: `${size}B` } } })
  const statusOf = async (bytes: string): Promise<number> => {
    const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
    t.teardown(() => client.close())
    return (await client.send(bytes).response()).status
  }
  return { gateway, sockets, statusOf }
}

/** Reads on, and gives how much came until the connection was closed. */
async function restOf(socket: Socket): Promise<number> {
  let bytes = 0
  await new Promise((closed) => socket.on('data', (chunk) => { bytes += chunk.length }).once('close', closed).resume())
  return bytes
}

t.test('it refused: nothing more is written, and the one connection that there may be is had again at once', async (t) => {
  const { sockets, statusOf } = await start(t, '413 Content Too Large')
  t.equal(await statusOf(signed('z'.repeat(size))), 413)
  t.equal(await statusOf(signed('z')), 413)
  t.equal(sockets.length, 2)
  t.ok(await restOf(sockets[0] as Socket) < size)
})

t.test('it accepted, and reads on: it gets the rest', async (t) => {
  const { sockets, statusOf } = await start(t, '202 Accepted')
  t.equal(await statusOf(signed('z'.repeat(size))), 202)
  t.ok(await restOf(sockets[0] as Socket) > size - 64 * 1024)
})

t.test('it accepted, and reads nothing: after the time of a delivery the connection is closed', async (t) => {
  const { gateway, sockets, statusOf } = await start(t, '202 Accepted')
  t.equal(await statusOf(signed('z'.repeat(size))), 202)
  await gateway.world.clock.awaited(5_000)
  gateway.world.clock.advance(5_000)
  t.equal(await statusOf(signed('z')), 202)
  t.ok(await restOf(sockets[0] as Socket) < size)
})
