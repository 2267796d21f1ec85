import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { requestLineFault, watchRequestLines } from '../../src/listen/request-line.ts'
import { makeCa } from '../support/pki.ts'
import { rawTls, type RawClient } from '../support/raw.ts'

const ca = await makeCa()
const identity = await ca.server()

/** Answers 200 with what it read, or 400 and closes. */
async function start(t: Test): Promise<{ readonly connect: () => Promise<RawClient>; readonly served: string[] }> {
  const served: string[] = []
  const server: Server = createServer({ cert: identity.chain, key: identity.key, requireHostHeader: false }, (request, response) => {
    const fault = requestLineFault(request)
    served.push(fault ?? `${request.method} ${request.url}`)
    if (fault !== undefined) return void response.writeHead(400, { connection: 'close', 'content-length': 0 }).end()
    let length = 0
    request.on('data', (chunk: Buffer) => { length += chunk.length })
    request.on('end', () => response.writeHead(200, { 'content-length': String(length).length }).end(String(length)))
  })
  server.on('secureConnection', watchRequestLines)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const clients: RawClient[] = []
  t.teardown(() => {
    for (const client of clients) client.close()
    server.close()
  })
  return {
    served,
    connect: async () => {
      const client = await rawTls((server.address() as AddressInfo).port, { ca: ca.certificate })
      clients.push(client)
      return client
    },
  }
}

const rest = 'Host: localhost\r\nContent-Length: 0\r\n\r\n'
const lines: [string, number][] = [
  ['POST /a HTTP/1.1\r\n', 200], ['POST /a HTTP/1.0\r\n', 200], ['\r\nPOST /a HTTP/1.1\r\n', 200], ['\r\n\r\n\r\nPOST /a HTTP/1.1\r\n', 200],
  ['POST /a RTSP/1.0\r\n', 400], ['POST /a RTSP/1.1\r\n', 400], ['SOURCE /a ICE/1.0\r\n', 400], ['POST  /a HTTP/1.1\r\n', 400],
  ['POST /a  HTTP/1.1\r\n', 400], ['POST /a HTTP/1.1 \r\n', 400], ['POST\t/a HTTP/1.1\r\n', 400], ['POST /a\tHTTP/1.1\r\n', 400],
  ['POST /a HTTP/1.1\n', 400], ['POST /a HTTP/1.1\r\r\n', 400], ['\nPOST /a HTTP/1.1\r\n', 400], ['\rPOST /a HTTP/1.1\r\n', 400],
  [' POST /a HTTP/1.1\r\n', 400], ['POST /a\r\n', 400], ['POST /a HTTP/01.1\r\n', 400], ['post /a HTTP/1.1\r\n', 400], ['POST /a http/1.1\r\n', 400],
]
for (const [line, status] of lines) {
  t.test(`${JSON.stringify(line)} → ${status}`, async (t) => {
    const { connect, served } = await start(t)
    const client = await connect()
    client.send(line + rest)
    t.equal((await client.response()).status, status)
    if (status === 400) {
      t.notOk(served.some((what) => what.startsWith('POST')), 'not served')
      await client.ended()
    }
  })
}

const plain = 'POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc'
const chunked = 'POST /b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: y\r\n\r\n'
const rtsp = plain.replace('HTTP/1.1', 'RTSP/1.0')

t.test('keep-alive: every message is judged by its own line', async (t) => {
  const { connect, served } = await start(t)
  const client = await connect()
  for (const message of [plain, chunked, plain, `\r\n\r\n\r\n${plain}`, chunked, chunked]) {
    client.send(message)
    t.match(await client.response(), { status: 200, body: Buffer.from('3') })
  }
  client.send(rtsp)
  t.equal((await client.response()).status, 400)
  await client.ended()
  t.equal(served.at(-1), 'request-line')
})

t.test('byte by byte', async (t) => {
  const { connect, served } = await start(t)
  const client = await connect()
  client.socket.setNoDelay(true)
  for (const message of [plain, chunked, plain]) {
    for (const byte of message) client.send(byte)
    t.equal((await client.response()).status, 200)
  }
  for (const byte of rtsp.slice(0, rtsp.indexOf('\r\n\r\n') + 4)) client.send(byte)
  t.equal((await client.response()).status, 400)
  t.strictSame(served, ['POST /a', 'POST /b', 'POST /a', 'request-line'])
})

t.test('pipelined behind a length: each by its own line', async (t) => {
  for (const cut of [plain.length, plain.length + 1, plain.length + 20, 2 * plain.length + 5]) {
    const { connect, served } = await start(t)
    const client = await connect()
    const all = `${plain}${plain}\r\n${plain}${rtsp}`
    client.send(all.slice(0, cut))
    t.equal((await client.response()).status, 200)
    client.send(all.slice(cut))
    for (const status of [200, 200, 400]) t.equal((await client.response()).status, status)
    await client.ended()
    t.strictSame(served.slice(0, 4), ['POST /a', 'POST /a', 'POST /a', 'request-line'])
  }
})

t.test('pipelined behind chunks: the first is answered, the second refused, the connection closed', async (t) => {
  for (const second of [plain, rtsp]) {
    const { connect, served } = await start(t)
    const client = await connect()
    client.send(chunked + second)
    t.equal((await client.response()).status, 200)
    t.equal((await client.response()).status, 400)
    t.equal((await client.ended()).rest.length, 0)
    t.strictSame(served.slice(1), ['pipelined'])
  }
})

for (const first of [plain, chunked]) {
  t.test(`a line hidden behind the end of ${first === plain ? 'a length' : 'chunks'}`, async (t) => {
    const { connect, served } = await start(t)
    const client = await connect()
    client.send(`${first}POST /c RTSP/1.1\r\nX: `)
    t.equal((await client.response()).status, 200)
    client.send(`POST /c HTTP/1.1\r\n${rest}`)
    t.equal((await client.response()).status, 400)
    t.strictSame(served.slice(1), [first === plain ? 'request-line' : 'pipelined'])
  })
}

t.test('a body that looks like a request', async (t) => {
  const { connect, served } = await start(t)
  const client = await connect()
  client.send(`POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${plain.length}\r\n\r\n`)
  client.send(plain)
  t.match(await client.response(), { status: 200, body: Buffer.from(String(plain.length)) })
  client.send(plain)
  t.equal((await client.response()).status, 200)
  t.strictSame(served, ['POST /a', 'POST /a'])
})
