import t from 'tap'
import { startGateway, type GatewayOptions, type TestGateway } from '../support/gateway.ts'
import { rawTls, type RawClient } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

const head = (lines: string): string => `POST /hook HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n\r\n`

interface Case {
  readonly name: string
  readonly reason: string
  readonly status: number
  readonly send: (client: RawClient, gateway: TestGateway) => unknown
  readonly options?: Partial<GatewayOptions>
}

const route = { open: true, limits: { body: '10B' } }

const cases: Case[] = [
  { name: 'announced too large', reason: 'body-too-large', status: 413, send: (c) => c.send(head('Content-Length: 11')) },
  {
    name: 'announced too large, and waiting to be told to go on', reason: 'body-too-large', status: 413,
    send: (c) => c.send(head('Content-Length: 11\r\nExpect: 100-continue')),
  },
  { name: 'chunked and too large', reason: 'body-too-large', status: 413, send: (c) => c.send(`${head('Transfer-Encoding: chunked')}b\r\nhello world\r\n`) },
  {
    name: 'never whole in time', reason: 'body-timeout', status: 408,
    send: async (c, { world }) => {
      c.send(head('Content-Length: 10\r\nExpect: 100-continue'))
      // The body's time starts when its head was read: who is told to go on was read.
      if ((await c.response()).status !== 100) throw new Error('its head is not read')
      c.send('hello')
      world.clock.advance(10_000)
    },
  },
  { name: 'a chunk that is none', reason: 'body-incomplete', status: 400, send: (c) => c.send(`${head('Transfer-Encoding: chunked')}5\r\nhel\r\nlo`) },
  {
    name: 'more than all bodies together may hold', reason: 'overloaded', status: 503,
    send: (c) => c.send(`${head('Content-Length: 10')}0123456789`),
    options: { settings: { limits: { buffered: '9B' } } },
  },
  {
    name: 'chunked, and more than all bodies together may hold', reason: 'overloaded', status: 503,
    send: (c) => c.send(`${head('Transfer-Encoding: chunked')}a\r\n0123456789\r\n0\r\n\r\n`),
    options: { settings: { limits: { buffered: '9B' } } },
  },
]

for (const { name, reason, status, send, options } of cases) {
  void t.test(name, async (t) => {
    const receiver = await startReceiver()
    t.teardown(() => receiver.close())
    const gateway = await startGateway(t, { receiver: receiver.port, routes: [route], ...options })
    const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate, servername: 'localhost' })
    t.teardown(() => client.close())
    await send(client, gateway)
    const response = await client.response()
    t.equal(response.status, status)
    t.match(JSON.parse(response.body.toString()), { status, reason })
    t.match(await gateway.audit(1), [{ verdict: 'refused', reason, status, route: 'route-0' }])
    t.same(receiver.seen, [], 'the receiver saw nothing')
  })
}

void t.test('a sender that hangs up in the middle of its body leaves a record and nothing else', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [route] })
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate, servername: 'localhost' })
  client.send(`${head('Content-Length: 10')}hello`)
  setImmediate(() => client.close())
  t.match(await gateway.audit(1), [{ verdict: 'refused', reason: 'body-incomplete', status: 400 }])
  t.same(receiver.seen, [])
})

void t.test('a body of exactly the cap passes, and what it held is given back', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [route], settings: { limits: { buffered: '10B' } } })
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate, servername: 'localhost' })
  t.teardown(() => client.close())
  for (let nth = 0; nth < 3; nth++) {
    client.send(`${head('Content-Length: 10')}0123456789`)
    t.equal((await client.response()).status, 200)
  }
  t.equal(receiver.seen.length, 3)
})
