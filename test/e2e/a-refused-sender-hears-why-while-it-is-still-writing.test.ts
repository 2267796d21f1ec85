import t, { type Test } from 'tap'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { rawTls, valueOf, type RawClient } from '../support/raw.ts'
import { startReceiver, type TestReceiver } from '../support/receiver.ts'

const routes = [
  { match: { path: '/open' }, open: true, limits: { body: '1KiB' } },
  { match: { path: '/basic' }, basic: { users: { joe: 'env:SECRET' } } },
  { match: { path: '/elsewhere' }, from: ['192.0.2.1'] },
  { match: { path: '/certified' }, certificate: {} },
]

async function start(t: Test): Promise<{ gateway: TestGateway; receiver: TestReceiver; connect: () => Promise<RawClient> }> {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes })
  return {
    gateway, receiver,
    connect: async () => {
      const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
      t.teardown(() => client.close())
      return client
    },
  }
}

const head = (path: string, lines: string): string => `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n\r\n`

const refusals: [string, string, number][] = [
  ['no route', head('/nowhere', 'Content-Length: 10\r\nExpect: 100-continue'), 404],
  ['an address', head('/elsewhere', 'Content-Length: 10\r\nExpect: 100-continue'), 403],
  ['no certificate', head('/certified', 'Content-Length: 10\r\nExpect: 100-continue'), 403],
  ['no credentials', head('/basic', 'Content-Length: 10\r\nExpect: 100-continue'), 401],
  ['a body that is announced too large', head('/open', 'Content-Length: 1025\r\nExpect: 100-continue'), 413],
  ['a malformed head', head('/open', 'Content-Length: 10\r\nHost: x\r\nExpect: 100-continue'), 400],
]
for (const [name, bytes, status] of refusals) {
  t.test(`Expect: 100-continue is not answered with it where a head is refused: ${name}`, async (t) => {
    const { gateway, receiver, connect } = await start(t)
    const client = await connect()
    client.send(bytes)
    const response = await client.response()
    t.equal(response.status, status)
    t.equal(valueOf(response.headers, 'connection'), 'close')
    gateway.world.clock.advance(5_000)
    t.equal((await client.ended()).rest.length, 0)
    t.equal(receiver.seen.length, 0)
  })
}

t.test('Expect: 100-continue is answered once the head is found good, and the delivery goes on', async (t) => {
  const { receiver, connect } = await start(t)
  const client = await connect()
  for (let nth = 0; nth < 2; nth++) {
    client.send(head('/open', 'Content-Length: 5\r\nExpect: 100-Continue'))
    t.equal((await client.response()).status, 100)
    client.send('abcde')
    t.equal((await client.response()).status, 200)
  }
  t.equal(receiver.seen.length, 2)
  t.notOk(receiver.seen[0]?.headers.some((text) => /^expect$/i.test(text)))
})

t.test('a sender that does not wait to be told to go on', async (t) => {
  const { receiver, connect } = await start(t)
  const client = await connect()
  client.send(`${head('/open', 'Content-Length: 5\r\nExpect: 100-continue')}abcde`)
  t.equal((await client.response()).status, 100)
  t.equal((await client.response()).status, 200)
  t.equal(receiver.seen.length, 1)
})

t.test('1.0 knows no 100-continue', async (t) => {
  const { connect } = await start(t)
  const client = await connect()
  client.send(`${head('/open', 'Content-Length: 5\r\nExpect: 100-continue').replace('1.1', '1.0')}abcde`)
  t.equal((await client.response()).status, 200)
})

const writing: [string, string][] = [
  ['announced', head('/open', `Content-Length: ${3 * 1024 * 1024}`)],
  ['in chunks', head('/open', 'Transfer-Encoding: chunked')],
  ['without credentials', head('/basic', `Content-Length: ${3 * 1024 * 1024}`)],
  ['framed in two ways', head('/open', `Content-Length: ${3 * 1024 * 1024}\r\nConnection: content-length`)],
]
for (const [name, bytes] of writing) {
  t.test(`no reset while it is writing: ${name}`, async (t) => {
    const { gateway, receiver, connect } = await start(t)
    const client = await connect()
    client.send(bytes)
    const block = Buffer.alloc(64 * 1024, 97)
    const framed = name === 'in chunks' ? Buffer.concat([Buffer.from('10000\r\n'), block, Buffer.from('\r\n')]) : block
    for (let nth = 0; nth < 48; nth++) client.send(framed)
    const response = await client.response()
    t.ok([400, 401, 413].includes(response.status), String(response.status))
    const { how, rest } = await client.ended()
    gateway.world.clock.advance(5_000)
    t.equal(how, 'end')
    t.equal(rest.length, 0)
    t.equal(receiver.seen.length, 0)
  })
}

t.test('keep-alive: a refusal of a whole request leaves the connection open', async (t) => {
  const { receiver, connect } = await start(t)
  const client = await connect()
  for (const [path, status] of [['/nowhere', 404], ['/open', 200], ['/basic', 401], ['/open', 200], ['/elsewhere', 403], ['/open', 200]] as const) {
    client.send(`${head(path, 'Content-Length: 5')}abcde`)
    t.equal((await client.response()).status, status, path)
  }
  t.equal(receiver.seen.length, 3)
})
