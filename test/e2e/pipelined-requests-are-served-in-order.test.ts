import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { rawTls } from '../support/raw.ts'
import { answer, startReceiver } from '../support/receiver.ts'

const post = (path: string, body = 'x'): string => `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`

void t.test('one at a time, each answered before the next goes in', async (t) => {
  let open = 0
  let most = 0
  const receiver = await startReceiver({
    script: (socket, _seen, nth) => {
      most = Math.max(most, ++open)
      setImmediate(() => {
        open--
        answer(`HTTP/1.1 20${nth % 10} OK\r\nContent-Length: 0\r\n\r\n`)(socket, _seen, nth)
      })
    },
  })
  t.teardown(() => receiver.close())
  const { port, pki } = await startGateway(t, { receiver: receiver.port, routes: [{ open: true, match: { path: '/hook/*' } }] })
  const client = await rawTls(port, { ca: pki.ca.certificate, servername: 'localhost' })
  t.teardown(() => client.close())
  client.send([1, 2, 3, 4].map((nth) => post(`/hook/${nth}`)).join(''))
  for (let nth = 0; nth < 4; nth++) await client.response()
  t.same(receiver.seen.map(({ line }) => line.split(' ')[1]), ['/hook/1', '/hook/2', '/hook/3', '/hook/4'])
  t.equal(most, 1)
})

void t.test('behind a refusal that closes the connection nothing is served', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { port, pki, world } = await startGateway(t, { receiver: receiver.port, routes: [{ open: true }] })
  const client = await rawTls(port, { ca: pki.ca.certificate, servername: 'localhost' })
  t.teardown(() => client.close())
  client.send(post('/hook').replace('POST', 'GET') + post('/hook'))
  t.equal((await client.response()).status, 400)
  world.clock.advance(5_000)
  t.equal((await client.ended()).rest.length, 0, 'and nothing else is answered')
  t.same(receiver.seen, [])
})

void t.test('behind a refusal of a whole request the next one has its turn', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { port, pki } = await startGateway(t, { receiver: receiver.port, routes: [{ open: true, limits: { body: '1B' } }] })
  const client = await rawTls(port, { ca: pki.ca.certificate, servername: 'localhost' })
  t.teardown(() => client.close())
  client.send(post('/hook', 'too long') + post('/hook'))
  t.equal((await client.response()).status, 413)
  t.equal((await client.response()).status, 200)
  t.equal(receiver.seen.length, 1)
})

void t.test('bytes that are no HTTP behind a good request do not take its answer away', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { port, pki, audit } = await startGateway(t, { receiver: receiver.port, routes: [{ open: true }] })
  const client = await rawTls(port, { ca: pki.ca.certificate, servername: 'localhost' })
  t.teardown(() => client.close())
  client.send(`${post('/hook')}\0\0\0 nonsense\r\n\r\n`)
  t.equal((await client.response()).status, 200)
  t.equal((await client.response()).status, 400)
  await client.ended()
  t.equal(receiver.seen.length, 1)
  t.match(await audit(2), [{ verdict: 'refused', reason: 'malformed-request' }, { verdict: 'accepted' }].toReversed())
})

void t.test('a waiting request that is cut off is not served', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { port, pki } = await startGateway(t, { receiver: receiver.port, routes: [{ open: true }] })
  const client = await rawTls(port, { ca: pki.ca.certificate, servername: 'localhost' })
  t.teardown(() => client.close())
  client.send(`${post('/hook')}POST /hook HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`)
  t.equal((await client.response()).status, 200)
  t.equal((await client.response()).status, 400)
  await client.ended()
  t.equal(receiver.seen.length, 1)
})
