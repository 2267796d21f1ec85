import { createHmac } from 'node:crypto'
import { get, request } from 'node:http'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { secretText, startGateway } from '../support/gateway.ts'
import { freePort } from '../support/ports.ts'
import { rawTls } from '../support/raw.ts'
import { answer, startReceiver } from '../support/receiver.ts'
import { startRelay, type Opening } from '../support/relay.ts'

/** Classes of weakness that other gateways and receivers had (docs/threat-model.md), each over the wire, where nothing else shows it. */
const mac = (text: string): string => createHmac('sha256', secretText).update(text).digest('hex')
const post = (path: string, lines: readonly string[] = [], body = '{}'): string => (
  [`POST ${path} HTTP/1.1`, ...lines.some((line) => /^host:/i.test(line)) ? [] : ['Host: localhost'], `Content-Length: ${body.length}`, ...lines, '', body].join('\r\n')
)

/** One TLS record with the whole ClientHello → records of so many bytes each, each in a packet of its own (RFC 8446 §5.1). */
function inRecordsOf(size: number): Opening {
  return (first) => {
    const [type, length] = [first.subarray(0, 3), first.readUInt16BE(3)]
    const hello = first.subarray(5, 5 + length)
    const records: Buffer[] = []
    for (let at = 0; at < hello.length; at += size) {
      const part = hello.subarray(at, at + size)
      records.push(Buffer.concat([type, Buffer.of(part.length >> 8, part.length & 255), part]))
    }
    return [...records, first.subarray(5 + length)]
  }
}

t.test('a ClientHello in pieces names its host all the same (CVE-2026-32305), and no name breaks the process (CVE-2026-21637)', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { port, pki, audit } = await startGateway(t, { receiver: receiver.port, routes: [{ open: true }] })
  const ways: [string, Opening][] = [
    ['whole', (first) => [first]], ['packets of one byte', (first) => Array.from(first, (byte) => Buffer.of(byte))],
    ['records of one byte', inRecordsOf(1)], ['records of 64 bytes', inRecordsOf(64)],
  ]
  let refused = 0
  for (const [name, opening] of ways) {
    const relay = await startRelay(t, port, opening)
    const good = await rawTls(relay, { ca: pki.ca.certificate, servername: 'localhost' })
    t.equal((await good.send(post('/hook')).response()).status, 200, `${name}: known`)
    good.close()
    for (const servername of ['other.example', '__proto__', 'constructor', `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}`, 'x\u0001y']) {
      const bad = await rawTls(relay, { ca: pki.ca.certificate, servername, checkServerIdentity: () => undefined }).catch(() => undefined)
      if (bad !== undefined) await t.rejects(bad.send(post('/hook')).response(), `${name}: ${JSON.stringify(servername)}`)
      bad?.close()
      refused++
    }
  }
  t.equal(receiver.seen.length, ways.length)
  const records = await audit(ways.length + refused)
  t.equal(records.filter(({ reason }) => reason === 'handshake-failed').length, refused)
})

t.test('a token does not stand in for the certificate that is asked for beside it', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { port, pki, sender } = await startGateway(t, {
    receiver: receiver.port, routes: [{ certificate: {}, bearer: { tokens: { me: 'env:TOKEN' } } }], environment: { TOKEN: 'tok_0123456789abcdef0123456789abcdef' },
  })
  const status = async (shown: object, ...lines: string[]): Promise<number> => {
    const client = await rawTls(port, { ca: pki.ca.certificate, ...shown })
    const response = await client.send(post('/hook', lines)).response()
    client.close()
    return response.status
  }
  const [shown, token] = [{ cert: sender.chain, key: sender.key }, 'Authorization: Bearer tok_0123456789abcdef0123456789abcdef']
  t.equal(await status({}, token), 403)
  t.equal(await status(shown), 401)
  t.equal(receiver.seen.length, 0)
  t.equal(await status(shown, token), 200)
})

t.test('what a sender says of itself is dropped, however it is spelled, named or repeated', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { port, pki } = await startGateway(t, { receiver: receiver.port, routes: [{ open: true }] })
  const forged = [
    'X-Forwarded-For: 10.0.0.1', 'x-forwarded-for: 10.0.0.2', 'X_Forwarded_For: 10.0.0.3', 'X-Forwarded-Prefix: /admin', 'X-Forwarded-User: root', 'X_Forwarded_User: root', 'Forwarded: for=10.0.0.4',
    'X-Real-IP: 10.0.0.5', 'X-Original-URL: /admin', 'X-Rewrite-URL: /admin', 'X-HTTP-Method-Override: DELETE', 'Sallyport-Sender: root', 'Sallyport_Sender: root', 'X-Envoy-Internal: true',
    'X-SSL-Client-Verify: SUCCESS', 'X-Auth-Request-User: root', 'True-Client-IP: 10.0.0.6', 'Proxy: http://evil.example', 'X-Mine: kept', '__proto__: x', 'constructor: kept',
  ]
  for (const connection of ['close', 'close, X-Forwarded-Proto, X-Forwarded-Host, Sallyport-Route, Sallyport-Delivery, X-Real-IP']) {
    const client = await rawTls(port, { ca: pki.ca.certificate })
    t.equal((await client.send(post('/hook', [...forged, `Connection: ${connection}`])).response()).status, 200)
    const lines = receiver.seen.at(-1)?.headers ?? []
    const told = lines.flatMap((name, at) => (at % 2 === 0 ? [`${name.toLowerCase()}: ${lines[at + 1]}`] : [])).filter((line) => !/^(host|content-length|connection|sallyport-delivery):/.test(line))
    t.same(told.sort(), ['constructor: kept', 'sallyport-route: route-0', 'x-forwarded-for: 127.0.0.1', 'x-forwarded-host: localhost', 'x-forwarded-proto: https', 'x-mine: kept'])
  }
  const client = await rawTls(port, { ca: pki.ca.certificate })
  t.equal((await client.send(post('/hook', [...forged, 'Connection: X-Forwarded-For'])).response()).status, 400, 'what we decide by cannot be named away')
  client.close()
  t.equal(receiver.seen.length, 2)
})

t.test('a hundred and fifty hosts, and their spelling: the strict route is never passed by (CVE-2026-27588)', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const hosts = Array.from({ length: 150 }, (_, at) => `host-${at}.example`)
  const { port, pki } = await startGateway(t, {
    receiver: receiver.port,
    routes: [{ match: { path: '/*', host: hosts }, basic: { users: { joe: 'env:SECRET' } } }, { match: { path: '/*' }, open: true }, { match: { path: '/*', host: ['*.wild.example'] }, basic: { users: { joe: 'env:SECRET' } } }],
  })
  const client = await rawTls(port, { ca: pki.ca.certificate })
  t.teardown(() => client.close())
  for (const host of ['host-0.example', 'HOST-149.EXAMPLE', 'Host-75.example.', 'host-75.example:8443', 'a.wild.example', 'A.WILD.example.']) {
    for (const path of ['/hook', '/%68ook', '/Hook']) t.equal((await client.send(post(path, [`Host: ${host}`])).response()).status, 401, `${host}${path}`)
  }
  t.equal(receiver.seen.length, 0)
  t.equal((await client.send(post('/hook', ['Host: host-150.example'])).response()).status, 200, 'the lax one is there')
})

t.test('who cannot sign leaves nothing behind that would keep out who can', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const route = { signature: { preset: 'standard-webhooks', secrets: ['env:WHSEC'] }, replay: {} }
  const { port, pki, world } = await startGateway(t, { receiver: receiver.port, routes: [route], environment: { WHSEC: `whsec_${Buffer.from(secretText).toString('base64')}` } })
  const time = Math.floor(world.clock.now() / 1_000)
  const sign = (body: string) => createHmac('sha256', secretText).update(`msg_1.${time}.${body}`).digest('base64')
  const say = (signature: string, body: string) => post('/hook', ['webhook-id: msg_1', `webhook-timestamp: ${time}`, `webhook-signature: ${signature}`], body)
  const client = await rawTls(port, { ca: pki.ca.certificate })
  t.teardown(() => client.close())
  for (const signature of [`v1,${sign('other')}`, 'v1,', 'v1', '', `v1,${sign('{}').slice(0, 10)}`, 'v1,AAAA']) t.equal((await client.send(say(signature, '{}')).response()).status, 401, JSON.stringify(signature))
  t.equal(receiver.seen.length, 0)
  t.equal((await client.send(say(`v1,${sign('{}')}`, '{}')).response()).status, 200, 'the genuine one is the first')
  const other = sign('{}').replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
  t.not((await client.send(say(`v1,${other}`, '{}')).response()).status, 200, 'and written otherwise it is no new one')
  t.equal(receiver.seen.length, 1)
})

t.test('a body is forwarded as it was verified, an answer handed back as it is: nothing is decoded', async (t) => {
  const receiver = await startReceiver({ script: answer('HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip, br\r\nContent-Length: 3\r\n\r\n\u001f\u008b\u0000') })
  t.teardown(() => receiver.close())
  const { port, pki } = await startGateway(t, { receiver: receiver.port, routes: [{ signature: { preset: 'github', secrets: ['env:SECRET'] } }] })
  const body = Buffer.concat([Buffer.from('{"a": "$&$$", "b": 1.0, "b": 2, "\ud83d\ude00": "'), Buffer.of(0xff, 0xfe, 0), Buffer.from('"}\ufeff ')])
  const signature = createHmac('sha256', secretText).update(body).digest('hex')
  const client = await rawTls(port, { ca: pki.ca.certificate })
  t.teardown(() => client.close())
  client.send(`POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nX-Hub-Signature-256: sha256=${signature}\r\nContent-Length: ${body.length}\r\n\r\n`).send(body)
  const response = await client.response()
  t.equal(response.status, 200)
  t.equal(response.body.toString('hex'), '1f8b00')
  t.ok(receiver.seen[0]?.body.equals(body))
  t.equal((await client.send(post('/hook', [`X-Hub-Signature-256: sha256=${mac('x')}`])).response()).status, 401)
  t.equal(receiver.seen.length, 1)
})

t.test('the admin address shows, and changes nothing, whoever asks', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const said: string[] = []
  const port = await freePort()
  await startGateway(t, { receiver: receiver.port, routes: [{ open: true }], settings: { admin: { address: `127.0.0.1:${port}` } } })
  const ask = (method: string, path: string) => new Promise<number | undefined>((resolve, reject) => {
    request({ port, method, path, host: '127.0.0.1' }, (response) => { response.resume(); resolve(response.statusCode) }).on('error', reject).end()
  })
  for (const [method, path, status] of [['GET', '/healthz', 200], ['POST', '/healthz', 405], ['PUT', '/metrics', 405], ['DELETE', '/readyz', 405], ['POST', '/config', 405], ['GET', '/config', 404], ['GET', '/../etc/passwd', 404], ['GET', '/metrics?x', 404]] as const) {
    t.equal(await ask(method, path), status, `${method} ${path}`)
  }
  await new Promise<void>((resolve) => { get({ port, path: '/metrics', host: '127.0.0.1' }, (response) => { response.setEncoding('utf8').on('data', (text: string) => said.push(text)).on('end', resolve) }) })
  t.notMatch(said.join(''), secretText)
})

t.test('one listener speaks one protocol: HTTP/1.1 over TLS', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { port, pki } = await startGateway(t, { receiver: receiver.port, routes: [{ open: true }] })
  await t.rejects(rawTls(port, { ca: pki.ca.certificate, ALPNProtocols: ['h2'] }), 'HTTP/2 alone')
  const client = await rawTls(port, { ca: pki.ca.certificate, ALPNProtocols: ['h2', 'http/1.1'] })
  t.equal((client.socket as TLSSocket).alpnProtocol, 'http/1.1')
  t.equal((await client.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n').response()).status, 400, 'with prior knowledge')
  client.close()
  t.equal(receiver.seen.length, 0)
})
