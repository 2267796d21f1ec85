import { createHmac } from 'node:crypto'
import { createServer as createPlain, type AddressInfo, type Socket } from 'node:net'
import { createServer as createTls } from 'node:tls'
import t, { type Test } from 'tap'
import { secretText, startGateway, type TestGateway } from '../support/gateway.ts'
import { makePki } from '../support/pki.ts'
import { rawTls } from '../support/raw.ts'
import { startRedis } from '../support/redis.ts'

/**
 * The end of a receiver's connection is read in one go with its answer, over TLS nearly always: the answer counts, also where the
 * store is still asked to keep its nonce, or the sender is behind.
 */

const route = { signature: { preset: 'github', secrets: ['env:SECRET'] }, replay: { onReplay: 'refuse' } }

function signed(body: string): string {
  const signature = createHmac('sha256', secretText).update(body).digest('hex')
  return `POST /hook HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: sha256=${signature}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

interface Closing { readonly over: 'tls' | 'tcp'; readonly text: string; readonly store: string }

/** A gateway before a receiver that answers with `text`, and closes. */
async function start(t: Test, { over, text, store }: Closing): Promise<TestGateway> {
  const { ca } = await makePki()
  const { chain, key } = await ca.server()
  const answer = (socket: Socket): void => { socket.on('error', () => undefined).once('data', () => socket.end(text)) }
  const server = over === 'tls' ? createTls({ cert: chain, key }, answer) : createPlain(answer)
  await new Promise<void>((listening) => { server.listen(0, '127.0.0.1', listening) })
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const target = { url: `${over === 'tls' ? 'https' : 'http'}://localhost:${port}`, timeout: '5s', ...(over === 'tls' && { ca: ['receiver.pem'] }) }
  return await startGateway(t, {
    receiver: port, routes: [route], files: () => Promise.resolve({ 'receiver.pem': ca.certificate }), settings: { receivers: { target }, replay: { store } },
  })
}

const framings: readonly (readonly [name: string, head: (length: number) => string])[] = [
  ['a length', (length) => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`],
  ['its connection', () => 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'],
]

for (const over of ['tls', 'tcp'] as const) {
  for (const [framing, head] of framings) {
    t.test(`${over}, an answer that ends with ${framing}, and a store that has to be asked`, async (t) => {
      const redis = await startRedis(t)
      const gateway = await start(t, { over, text: `${head(5)}hello`, store: redis.url })
      for (let nth = 0; nth < 3; nth++) {
        const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
        t.teardown(() => client.close())
        t.match(await client.send(signed(`{"nth":${nth}}`)).response(), { status: 200, body: Buffer.from('hello') })
        t.equal((await client.send(signed(`{"nth":${nth}}`)).response()).status, 409, 'it is committed')
      }
      for (const record of (await gateway.audit(6)).filter(({ status }) => status === 200)) t.match(record, { verdict: 'accepted', nonce: 'committed' })
    })

    t.test(`${over}, an answer that ends with ${framing}, and a sender that is behind`, async (t) => {
      const body = 'x'.repeat(8 * 1024 * 1024)
      const gateway = await start(t, { over, text: head(body.length) + body, store: 'memory:' })
      const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
      t.teardown(() => client.close())
      client.socket.pause()
      client.send(signed('{}'))
      for (let turns = 0; turns < 2_000; turns++) await new Promise(setImmediate)
      client.socket.resume()
      const answer = await client.response()
      t.equal(answer.status, 200)
      t.ok(answer.body.equals(Buffer.from(body)))
      t.match(await gateway.audit(1), [{ verdict: 'accepted', nonce: 'committed', status: 200 }])
    })
  }
}
