import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { rawTls, valueOf, type RawClient } from '../support/raw.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

interface Stage { readonly gateway: TestGateway; readonly client: RawClient; readonly seen: IncomingMessage[] }

async function start(t: Test, handler: Handler, route: Record<string, unknown> = {}): Promise<Stage> {
  const seen: IncomingMessage[] = []
  const receiver = createServer((request, response) => {
    seen.push(request)
    handler(request, response)
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { receiver.closeAllConnections(); receiver.close() })
  const { port } = receiver.address() as AddressInfo
  const gateway = await startGateway(t, {
    receiver: port, routes: [{ match: { path: '/*', methods: ['POST', 'GET', 'DELETE'] }, open: true, body: 'stream', ...route }],
  })
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
  t.teardown(() => client.close())
  return { gateway, client, seen }
}

const head = (lines: string, line = 'POST /hook?q=%2F"x HTTP/1.1'): string => `${line}\r\nHost: localhost\r\n${lines}\r\n`

/** Answers with what came. */
const echo: Handler = (request, response) => {
  response.writeHead(200, { 'X-Answer': ['1', '2'], Connection: 'x-hop', 'X-Hop': '1', 'Sallyport-Route': 'forged' })
  request.pipe(response)
}

t.test('a body comes to the receiver while it is still being written, and the answer back', async (t) => {
  const { gateway, client, seen } = await start(t, echo)
  client.send(`${head('Content-Length: 6\r\nX-Forwarded-For: 6.6.6.6\r\nX-A: 1\r\nX-A: 2\r\nConnection: x-gone\r\nX-Gone: 1\r\n')}abc`)
  const response = client.response()
  while (seen.length === 0) await new Promise(setImmediate)
  const [request] = seen
  t.notOk(request?.complete, 'the receiver has it before it is whole')
  t.equal(request?.url, '/hook?q=%2F"x', 'byte for byte')
  t.equal(request?.headers['x-forwarded-for'], '127.0.0.1')
  t.equal(request?.headers['x-gone'], undefined)
  t.equal(request?.headers['x-a'], '1, 2')
  t.equal(request?.headers['sallyport-route'], 'route-0')
  t.equal(request?.headers['content-length'], '6')
  t.match(request?.headers.host, /^127\.0\.0\.1:/)
  client.send('def')
  const { status, headers, body } = await response
  t.equal(status, 200)
  t.equal(body.toString(), 'abcdef')
  t.strictSame(headers.filter((_, at) => at % 2 === 1 && headers[at - 1] === 'X-Answer'), ['1', '2'])
  t.equal(valueOf(headers, 'x-hop'), undefined)
  t.equal(valueOf(headers, 'sallyport-route'), undefined)
  t.match(valueOf(headers, 'sallyport-delivery'), /^[\w-]{22}$/)
  t.match(await gateway.audit(1), [{ verdict: 'accepted', status: 200, bytes: 6, route: 'route-0' }])
})

t.test('every framing, one after the other on one connection', async (t) => {
  const { client, seen } = await start(t, echo)
  const rows: [string, string][] = [
    [`${head('Transfer-Encoding: chunked\r\n')}3\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n`, 'abc'],
    [`${head('Content-Length: 2\r\n', 'DELETE /x HTTP/1.1')}ab`, 'ab'],
    [head(''), ''], [head('', 'GET / HTTP/1.1'), ''], [head('Content-Length: 0\r\n', 'GET / HTTP/1.1'), ''],
    [`${head('Content-Length: 1\r\n')}x`, 'x'],
  ]
  for (const [bytes, body] of rows) {
    client.send(bytes)
    const response = await client.response()
    t.equal(response.status, 200, bytes.slice(0, 40))
    t.equal(response.body.toString(), body)
  }
  t.equal(seen.length, rows.length)
  t.ok(seen.every((request) => Object.keys(request.trailers).length === 0))
})

t.test('what would not be handed on as it is, is not handed on', async (t) => {
  const { gateway, client, seen } = await start(t, echo)
  const rows = [
    `${head('Transfer-Encoding: chunked\r\n', 'DELETE /x HTTP/1.1')}3\r\nabc\r\n0\r\n\r\n`,
    `${head('Content-Length: 1\r\n', 'POST /a/http:/b HTTP/1.1')}x`,
  ]
  for (const bytes of rows) {
    client.send(bytes)
    t.equal((await client.response()).status, 400)
  }
  t.equal(seen.length, 0)
  t.match(await gateway.audit(2), [{ reason: 'malformed-request' }, { reason: 'malformed-request' }])
})

t.test('Expect: 100-continue', async (t) => {
  const { client } = await start(t, echo)
  client.send(head('Content-Length: 3\r\nExpect: 100-continue\r\n'))
  t.equal((await client.response()).status, 100)
  client.send('abc')
  t.equal((await client.response()).body.toString(), 'abc')
})

t.test('64 MiB each way', async (t) => {
  const { gateway, client } = await start(t, echo)
  const [block, count] = [Buffer.alloc(64 * 1024, 97), 1024]
  client.socket.removeAllListeners('data')
  client.socket.resume()
  client.send(head(`Content-Length: ${block.length * count}\r\n`))
  for (let nth = 0; nth < count; nth++) if (!client.socket.write(block)) await once(client.socket, 'drain')
  t.match(await gateway.audit(1), [{ verdict: 'accepted', bytes: block.length * count }])
})

t.test('a receiver that does not read stops the sender', async (t) => {
  const { gateway, client, seen } = await start(t, () => undefined)
  const [block, count] = [Buffer.alloc(64 * 1024, 97), 1024]
  client.send(head(`Content-Length: ${block.length * count}\r\n`))
  for (let nth = 0; nth < count; nth++) client.send(block)
  let left = Infinity
  for (let quiet = 0; quiet < 2_000; quiet++) {
    if (client.socket.writableLength < left) quiet = 0
    left = client.socket.writableLength
    await new Promise(setImmediate)
  }
  t.equal(seen.length, 1)
  t.ok(left > 32 * 1024 * 1024, `${left} bytes are still with the sender`)
  client.close()
  await gateway.audit(1)
})

t.test('a refusal is a refusal: the receiver sees nothing', async (t) => {
  const { gateway, client, seen } = await start(t, echo, { open: undefined, certificate: {} })
  client.send(`${head('Content-Length: 100000\r\n')}abc`)
  t.equal((await client.response()).status, 403)
  gateway.world.clock.advance(5_000)
  await client.ended()
  t.equal(seen.length, 0)
})

const failures: [string, Handler, number | 'broken', string][] = [
  ['reset', (request) => { request.socket.resetAndDestroy() }, 502, 'receiver-unavailable'],
  ['closed', (request) => { request.socket.end() }, 502, 'receiver-unavailable'],
  ['garbage', (request) => { request.socket.write('no HTTP\r\n\r\n') }, 502, 'receiver-invalid'],
  ['cut', (_, response) => { response.writeHead(200, { 'Content-Length': 5 }).write('ab', () => response.socket?.destroy()) }, 'broken', 'receiver-invalid'],
]
for (const [name, handler, status, reason] of failures) {
  t.test(`the receiver fails: ${name}`, async (t) => {
    const { gateway, client } = await start(t, handler)
    client.send(`${head('Content-Length: 3\r\n')}abc`)
    const response = await client.response().catch(() => undefined)
    t.equal(response?.status ?? 'broken', status)
    t.match(await gateway.audit(1), [{ verdict: 'refused', reason }])
  })
}

t.test('the sender hangs up in the middle: the receiver hears of it', async (t) => {
  const { gateway, client, seen } = await start(t, (request, response) => { request.resume(); response.flushHeaders() })
  client.send(`${head('Content-Length: 10\r\n')}abc`)
  while (seen.length === 0) await new Promise(setImmediate)
  const aborted = once(seen[0] as IncomingMessage, 'error')
  client.close()
  await aborted
  await gateway.audit(1)
  t.notOk(seen[0]?.complete)
})

t.test('the sender hangs up in the middle of the answer: that is its own doing', async (t) => {
  const { gateway, client } = await start(t, (request, response) => {
    request.resume()
    response.writeHead(200, { 'Content-Length': 10 }).write('abc')
  })
  client.send(head('Content-Length: 0\r\n'))
  await once(client.socket, 'data')
  client.close()
  t.match(await gateway.audit(1), [{ verdict: 'refused', reason: 'body-incomplete', status: 200 }])
})
