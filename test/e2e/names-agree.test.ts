import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { startGateway } from '../support/gateway.ts'
import { rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

async function start(t: Test, unknownName: 'refuse' | 'serve') {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const routes = [{ match: { path: '/hook' }, certificate: {} }, { match: { path: '/open' }, open: true }]
  const started = await startGateway(t, { receiver: receiver.port, routes })
  const { pki, directory, settings, write, gateway } = started
  const others = []
  for (const [name, hosts] of [['exact', ['a.example.com', 'localhost']], ['wild', ['*.example.com', '*.b.example.com']]] as const) {
    const made = await pki.ca.server(hosts)
    writeFileSync(join(directory, `${name}.pem`), made.chain)
    writeFileSync(join(directory, `${name}.key`), made.key)
    others.push({ certificate: `${name}.pem`, key: `${name}.key` })
  }
  const [listener] = settings['listeners'] as [{ tls: object }]
  write({ ...settings, listeners: [{ ...listener, tls: { ...listener.tls, others, unknownName } }] })
  t.equal(await gateway.reload(), 'taken')
  const call = async (servername: string, host = servername, path = '/hook') => {
    const client = await rawTls(started.port, { ca: pki.ca.certificate, cert: started.sender.chain, key: started.sender.key, servername, checkServerIdentity: () => undefined })
    t.teardown(() => client.close())
    const shown = (client.socket as TLSSocket).getPeerX509Certificate() as X509Certificate
    client.send(`POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 2\r\n\r\n{}`)
    const answer = await Promise.race([client.response().then(({ status }) => status), client.ended().then(({ how }) => how)])
    return { names: shown.subjectAltName, answer }
  }
  return { ...started, receiver, call }
}

t.test('the certificate is chosen by name; names without one are refused', async (t) => {
  const { call, receiver, audit } = await start(t, 'refuse')
  const first = 'DNS:localhost, IP Address'
  const rows: [string, string, number | string][] = [
    ['localhost', first, 200], ['LocalHost', first, 200], ['a.example.com', 'DNS:a.example.com', 200], ['A.EXAMPLE.COM', 'DNS:a.example.com', 200],
    ['c.example.com', 'DNS:*.example.com', 200], ['x.b.example.com', 'DNS:*.example.com', 200], ['', first, 200],
    ['x.y.example.com', first, 'end'], ['example.com', first, 'end'], ['other.example', first, 'end'],
  ]
  for (const [name, names, answer] of rows) {
    const seen = receiver.seen.length
    const found = await call(name, name === '' ? 'localhost' : name).catch((error: Error) => ({ names, answer: error.message }))
    t.match(found.names, names, name)
    if (answer === 200) t.equal(found.answer, 200, name)
    else {
      t.match(String(found.answer), /end|reset/, name)
      t.equal(receiver.seen.length, seen, `${name}: the receiver saw nothing`)
    }
  }
  const records = await audit(rows.length)
  t.match(records.filter(({ reason }) => reason === 'handshake-failed'), [
    { facts: { error: 'UNKNOWN_NAME', host: 'x.y.example.com' } }, { facts: { host: 'example.com' } }, { facts: { host: 'other.example' } },
  ])
})

t.test('unknownName: serve', async (t) => {
  const { call } = await start(t, 'serve')
  t.match(await call('other.example'), { names: /DNS:localhost/, answer: 200 })
})

t.test('another host than the one of the handshake is misdirected, where a certificate decides', async (t) => {
  const { call, receiver, audit } = await start(t, 'refuse')
  const rows: [string, string, string, number][] = [
    ['a.example.com', 'c.example.com', '/hook', 421], ['localhost', 'a.example.com', '/hook', 421], ['localhost', 'nowhere.example', '/hook', 421],
    ['a.example.com', 'A.example.com.:8443', '/hook', 200], ['a.example.com', 'c.example.com', '/open', 200], ['', 'c.example.com', '/hook', 200],
  ]
  for (const [name, host, path, status] of rows) {
    const seen = receiver.seen.length
    t.equal((await call(name, host, path)).answer, status, `${name} then ${host}${path}`)
    t.equal(receiver.seen.length, status === 200 ? seen + 1 : seen)
  }
  t.match((await audit(1))[0], { reason: 'misdirected', status: 421, facts: { called: 'a.example.com', host: 'c.example.com' } })
})
