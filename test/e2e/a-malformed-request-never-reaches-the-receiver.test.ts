import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { rawTls, valueOf, type RawResponse } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/** Every row of what Node's parser takes and we do not, and of what it does not take either: from a TLS socket, byte for byte. */

const receiver = await startReceiver()
t.teardown(() => receiver.close())
const gateway = await startGateway(t, {
  receiver: receiver.port,
  routes: [
    { match: { path: '/hook', methods: ['POST', 'GET', 'HEAD', 'DELETE', 'OPTIONS'] }, open: true },
    { match: { path: '/under/*' }, open: true },
    { match: { path: '/signed' }, signature: { preset: 'github', secrets: ['env:SECRET'] } },
    { match: { path: '/basic' }, basic: { users: { joe: 'env:SECRET' } } },
  ],
})

/** The audit record of the delivery that was answered so. */
async function recordOf(response: RawResponse): Promise<Record<string, unknown> | undefined> {
  const id = valueOf(response.headers, 'sallyport-delivery')
  for (let count = 1; ; count++) {
    const found = (await gateway.audit(count)).find((record) => record['id'] === id)
    if (found !== undefined) return found
  }
}

/** What the answer is: a status, whether the connection stays, and what the audit record says was wrong. */
type Row = readonly [name: string, bytes: string, status: number, after: 'open' | 'closed', what?: string]

const length = 'Content-Length: 1\r\n\r\nx'
const host = 'Host: localhost\r\n'

function post(lines: string, { target = '/hook', version = 'HTTP/1.1', method = 'POST' } = {}): string {
  return `${method} ${target} ${version}\r\n${lines}`
}

function targets(what: string, list: readonly string[]): Row[] {
  return list.map((target) => [`target ${JSON.stringify(target)}`, post(host + length, { target }), 400, 'open', what])
}

const rows: Row[] = [
  ['two hosts', post(`${host}${host}${length}`), 400, 'closed', 'header-repeated'],
  ['two hosts that differ', post(`${host}Host: evil.example\r\n${length}`), 400, 'closed', 'header-repeated'],
  ['no host', post(length), 400, 'open', 'host-missing'],
  ['no host in 1.0', post(length, { version: 'HTTP/1.0' }), 400, 'closed', 'host-missing'],
  ...['', 'a@localhost', 'localhost/x', 'localhost:0', 'localhost:99999', 'localhost:', 'localhost, evil.example', '[::1', '::1', 'loc alhost', 'a\\b', 'a..b']
    .map((value): Row => [`host ${JSON.stringify(value)}`, post(`Host: ${value}\r\n${length}`), 400, 'open', 'host']),
  ['absolute form, another host', post(host + length, { target: 'https://evil.example/hook' }), 400, 'open', 'target-authority'],
  ['absolute form, another port', post(`Host: localhost:1\r\n${length}`, { target: 'https://localhost:2/hook' }), 400, 'open', 'target-authority'],
  ['absolute form with a user', post(host + length, { target: 'https://x@localhost/hook' }), 400, 'open', 'target-form'],
  ['authority form', post(host + length, { target: 'localhost:443' }), 400, 'open', 'target-form'],
  ['asterisk form', post(host + length, { target: '*', method: 'OPTIONS' }), 400, 'open', 'target-form'],
  ['CONNECT', post(host + '\r\n', { target: 'localhost:443', method: 'CONNECT' }), 400, 'closed'],
  ['TRACE', post(`${host}\r\n`, { method: 'TRACE' }), 400, 'closed', 'method'],
  ...['', ',', 'chunked, chunked', 'gzip, chunked', 'identity', 'chunked;x', 'xchunked', '\tchunked,', '"chunked"']
    .map((value): Row => [`transfer-encoding ${JSON.stringify(value)}`, post(`${host}Transfer-Encoding: ${value}\r\n\r\n1\r\nx\r\n0\r\n\r\n`), 400, 'closed']),
  ['two transfer-encodings', post(`${host}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`), 400, 'closed'],
  ['chunked in 1.0', post(`${host}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`, { version: 'HTTP/1.0' }), 400, 'closed'],
  ['GET with a body', post(host + length, { method: 'GET' }), 400, 'closed', 'body-not-expected'],
  ['HEAD with a body', post(host + length, { method: 'HEAD' }), 400, 'closed', 'body-not-expected'],
  ['GET in chunks', post(`${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, { method: 'GET' }), 400, 'closed', 'body-not-expected'],
  ...['HTTP/0.9', 'HTTP/2.0', 'HTTP/1.2', 'HTTP/3.0', 'RTSP/1.0', 'RTSP/1.1', 'ICE/1.0', 'http/1.1', 'HTTP/1', 'HTTP/1.10', 'HTTP /1.1', '']
    .map((version): Row => [`version ${version}`, post(host + length, { version }), 400, 'closed']),
  ['no version', `POST /hook\r\n${host}${length}`, 400, 'closed'],
  ['HTTP/0.9', 'GET /hook\r\n\r\n', 400, 'closed'],
  ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'closed'],
  ['two blanks in the line', `POST  /hook HTTP/1.1\r\n${host}${length}`, 400, 'closed'],
  ['a tab in the line', `POST\t/hook HTTP/1.1\r\n${host}${length}`, 400, 'closed'],
  ['a blank before the line', ` POST /hook HTTP/1.1\r\n${host}${length}`, 400, 'closed'],
  ['a blank behind the line', `POST /hook HTTP/1.1 \r\n${host}${length}`, 400, 'closed'],
  ['bare LF behind the line', `POST /hook HTTP/1.1\n${host}${length}`, 400, 'closed'],
  ['a method in small letters', `post /hook HTTP/1.1\r\n${host}${length}`, 400, 'closed'],
  ...targets('target-dots', ['/under/..', '/under/../hook', '/under/./hook', '/./hook', '/../hook', '/under/.']),
  ...targets('target-empty-segment', ['//hook', '//localhost/hook', '/under//x', '/under//']),
  ...targets('target-escape', ['/under/%2e%2e/hook', '/under/%2E', '/under%2fx', '/under/%2F', '/under/%5C', '/under/%00', '/under/%0d%0a', '/under/%25', '/under/%3b',
    '/under/%', '/under/%zz', '/under/%c0%ae', '/under/x?%00', '/hook?%x']),
  ...targets('target-bytes', ['/under\\x', '/under/..;/hook', '/under/x;y', '/hook;', '/hook#x', '/hook?x#y', '/hook?a;b', '/hook?a\\b']),
  ...['/under/\u0001', '/under/\u007f', '/under/\u00fc', '/under/\t', '/under/\u0000', '/hook?\u00ff']
    .map((target): Row => [`target ${JSON.stringify(target)}`, post(host + length, { target }), 400, 'closed']),
  ['Expect: 100-continue twice', post(`${host}Expect: 100-continue\r\nexpect: 100-continue\r\n${length}`), 400, 'open', 'header-repeated'],
  ...['Content-Type: a/b', 'Content-Encoding: gzip', 'Authorization: Basic x']
    .map((line): Row => [`${line} twice`, post(`${host}${line}\r\n${line.toLowerCase()}\r\n${length}`), 400, 'open', 'header-repeated']),
  ['a signature twice', post(`${host}X-Hub-Signature-256: sha256=0\r\nx-hub-signature-256: sha256=1\r\n${length}`, { target: '/signed' }), 400, 'open', 'header-repeated'],
  ['a signature that is not ASCII', post(`${host}X-Hub-Signature-256: sha256=\u00fc\r\n${length}`, { target: '/signed' }), 400, 'open', 'header-bytes'],
  ['Connection names a signature', post(`${host}Connection: close, X-Hub-Signature-256\r\nX-Hub-Signature-256: sha256=0\r\n${length}`, { target: '/signed' }),
    400, 'closed', 'connection-names-deciding'],
  ['Connection names credentials', post(`${host}Connection: authorization\r\n${length}`, { target: '/basic' }), 400, 'closed', 'connection-names-deciding'],
  ['Connection names the length', post(`${host}Connection: Content-Length\r\n${length}`), 400, 'closed', 'connection-names-deciding'],
  ['Connection names the host', post(`${host}Connection: keep-alive,host\r\n${length}`), 400, 'closed', 'connection-names-deciding'],
  ['another expectation', post(`${host}Expect: 200-ok\r\n${length}`), 400, 'open', 'expect'],
  ['an expectation and more', post(`${host}Expect: 100-continue, x\r\n${length}`), 400, 'open', 'expect'],
  ['a method that no route takes', post(host + length, { method: 'PUT' }), 405, 'open'],
  ['another method that no route takes', post(host + length, { method: 'PATCH', target: '/signed' }), 405, 'open'],
  ['a path that no route takes', post(host + length, { target: '/Hook' }), 404, 'open'],
  ['a path that looks like one', post(host + length, { target: '/hook/' }), 404, 'open'],
  ['an encoded path', post(host + length, { target: '/%68ook' }), 404, 'open'],
  ['more lines than fit', post(`${host}${'X: y\r\n'.repeat(4_000)}${length}`), 400, 'closed', 'header-size'],
  ['one line that does not fit', post(`${host}X: ${'y'.repeat(17_000)}\r\n${length}`), 400, 'closed'],
  ['a target that does not fit', post(host + length, { target: `/hook?${'y'.repeat(17_000)}` }), 400, 'closed'],
]

let sent = 0
for (const [name, bytes, status, after, what] of rows) {
  t.test(name, async (t) => {
    const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
    t.teardown(() => client.close())
    client.send(bytes)
    sent++
    const response = await client.response({ to: bytes.startsWith('HEAD') ? 'HEAD' : 'POST' })
    t.equal(response.status, status)
    const record = await recordOf(response)
    t.match(record, { verdict: 'refused', status })
    if (status === 400) t.equal(record?.['reason'], 'malformed-request')
    if (what !== undefined) t.match(record, { facts: { what } })
    // Whoever may still be writing is listened to for a while.
    if (after === 'closed') gateway.world.clock.advance(3_000)
    if (after === 'closed') t.equal((await client.ended()).rest.length, 0, 'and nothing behind it')
    if (after === 'open') {
      sent++
      client.send(post(host + length, { target: '/nowhere' }))
      t.equal((await client.response()).status, 404, 'the connection goes on')
    }
    t.equal(receiver.seen.length, 0, 'the receiver saw nothing')
  })
}

t.test('one record each', async (t) => {
  const records = await gateway.audit(sent)
  t.equal(records.length, sent)
})

t.test('the lines whose names hold an underscore are not forwarded, and the record names them', async (t) => {
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
  t.teardown(() => client.close())
  client.send(post(`${host}X_Real_IP: 1\r\nContent_Length: 7\r\n__proto__: x\r\nX-A: 1\r\n${length}`))
  const response = await client.response()
  t.equal(response.status, 200)
  t.match(await recordOf(response), { verdict: 'accepted', facts: { droppedHeaders: ['X_Real_IP', 'Content_Length', '__proto__'] } })
  const [seen] = receiver.seen
  t.notOk(seen?.headers.some((text, at) => at % 2 === 0 && text.includes('_')))
  t.ok(seen?.headers.includes('X-A'))
})

t.test('the path that matched is the path that is forwarded, byte for byte', async (t) => {
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
  t.teardown(() => client.close())
  for (const target of ['/under/a%20b/C/?q=%2F&r=?/../', '/under/', '/under/%C3%BC%41', '/hook?', '/under/...']) {
    client.send(post(host + length, { target }))
    t.equal((await client.response()).status, 200, target)
    t.equal(receiver.seen.at(-1)?.line, `POST ${target} HTTP/1.1`)
  }
  client.send(post(host + length, { target: 'https://LOCALHOST:443/hook?x' }))
  t.equal((await client.response()).status, 200)
  t.equal(receiver.seen.at(-1)?.line, 'POST /hook?x HTTP/1.1')
})
