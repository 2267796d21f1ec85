import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { rawTls, valueOf } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

void t.test('exact bytes go in, the reply comes back, and both are recorded', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { port, pki, sender, audit } = await startGateway(t, { receiver: receiver.port, routes: [{ open: true }] })
  const client = await rawTls(port, { ca: pki.ca.certificate, cert: sender.chain, key: sender.key, servername: 'localhost' })
  t.teardown(() => client.close())

  const body = Buffer.from('{"bytes":"\u00e9\0"}', 'latin1')
  client.send(`POST /hook?a=%20b HTTP/1.1\r\nHost: LOCALHOST.:${port}\r\nContent-Length: ${body.length}\r\nX-Forwarded-For: 6.6.6.6\r\n`
    + 'Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nsallyport_route: forged\r\ntraceparent: 00-1\r\n\r\n')
  client.send(body)
  const response = await client.response()
  t.equal(response.status, 200)
  const id = valueOf(response.headers, 'sallyport-delivery')
  t.match(id, /^[A-Za-z0-9_-]{22}$/)
  const [seen] = receiver.seen
  t.equal(seen?.line, 'POST /hook?a=%20b HTTP/1.1')
  t.same(seen?.body, body)
  const header = (name: string): string | undefined => valueOf(seen?.headers ?? [], name)
  t.equal(header('x-forwarded-for'), '127.0.0.1')
  t.equal(header('x-hop'), undefined)
  t.equal(header('sallyport-route'), 'route-0')
  t.equal(header('sallyport_route'), undefined)
  t.equal(header('traceparent'), '00-1')
  t.equal(header('content-length'), String(body.length))
  t.equal(header('client-cert'), `:${sender.der.toString('base64')}:`)

  client.send(`POST /hook HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n`)
  t.equal((await client.response()).status, 200, 'the connection goes on')
  t.same(receiver.seen[1]?.body, Buffer.from('hello'))
  t.equal(valueOf(receiver.seen[1]?.headers ?? [], 'x-trailer'), undefined)

  client.send('POST /other HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const refused = await client.response()
  t.equal(refused.status, 404)
  t.match(JSON.parse(refused.body.toString()), { status: 404, reason: 'no-route', id: valueOf(refused.headers, 'sallyport-delivery') })
  t.equal(receiver.seen.length, 2)

  const records = await audit(3)
  t.match(records, [
    {
      id, route: 'route-0', source: '127.0.0.1', verdict: 'accepted', status: 200, bytes: body.length,
      certificate: { subject: 'CN=sender', san: ['dns:sender.example'] }, facts: { droppedHeaders: ['sallyport_route'] },
    },
    { verdict: 'accepted', bytes: 5 },
    { verdict: 'refused', reason: 'no-route', status: 404 },
  ])
})
