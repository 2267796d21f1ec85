import { once } from 'node:events'
import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { rawTls } from '../support/raw.ts'
import { answerOk, startReceiver, type Script } from '../support/receiver.ts'

/** What a sender does not read holds a receiver's connection: not for longer than it must, and not to the receiver's shame. */

const request = (path: string): string => `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi`
const size = 16_000_000
const piece = Buffer.alloc(64_000)
/** How often a receiver got rid of a piece. */
let moved = 0
const large: Script = (socket, seen, nth) => {
  if (!seen.line.includes('/large')) return answerOk(socket, seen, nth)
  const write = (left: number): void => {
    moved++
    if (left > 0) socket.write(piece, () => write(left - piece.length))
  }
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`, () => write(size))
}
const route = { match: { path: '/*' }, open: true }

/** Resolves once nothing has moved for a long while: everything between receiver and sender is full. */
async function stuck(): Promise<void> {
  for (let [still, before] = [0, moved]; still < 5_000; still++) {
    await new Promise((resume) => { setImmediate(resume) })
    if (moved !== before) [still, before] = [0, moved]
  }
}

void t.test('one that leaves in the midst of it frees the receiver’s connection', async (t) => {
  const receiver = await startReceiver({ script: large })
  t.teardown(() => receiver.close())
  // One connection to the receiver: whatever holds it would keep every other delivery out.
  const { port, audit } = await startGateway(t, {
    receiver: receiver.port, routes: [route], settings: { receivers: { target: { url: `http://127.0.0.1:${receiver.port}`, connections: 1 } } },
  })
  const client = await rawTls(port, { rejectUnauthorized: false })
  client.socket.once('data', () => client.socket.pause())
  client.send(request('/large'))
  await once(client.socket, 'data')
  client.close()
  const other = await rawTls(port, { rejectUnauthorized: false })
  t.teardown(() => other.close())
  t.equal((await other.send(request('/other')).response()).status, 200)
  t.match(await audit(2), [{ verdict: 'accepted', status: 200 }, { verdict: 'accepted', status: 200 }])
})

void t.test('one that stays and does not read is ended, and the receiver is not taken for a bad one', async (t) => {
  const receiver = await startReceiver({ script: large })
  const second = await startReceiver()
  t.teardown(() => Promise.all([receiver.close(), second.close()]))
  const { port, audit, world } = await startGateway(t, {
    receiver: receiver.port, routes: [route],
    settings: { receivers: { target: { url: [receiver, second].map((one) => `http://127.0.0.1:${one.port}`), unhealthyAfter: 1, timeout: '5s' } } },
  })
  const client = await rawTls(port, { rejectUnauthorized: false })
  client.socket.once('data', () => client.socket.pause())
  client.send(request('/large'))
  await once(client.socket, 'data')
  await stuck()
  world.clock.advance(5_000)
  t.match(await audit(1), [{ status: 200, facts: { error: /does not read/ } }])
  client.socket.resume()
  await client.ended()
  const other = await rawTls(port, { rejectUnauthorized: false })
  t.teardown(() => other.close())
  for (const _ of [1, 2]) t.equal((await other.send(request('/other')).response()).status, 200)
  t.same([receiver.seen.length, second.seen.length], [2, 1], 'each has its turn, the first one, too')
})
