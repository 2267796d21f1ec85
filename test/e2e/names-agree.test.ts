import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { startGateway } from '../support/gateway.ts'
import { makeCa, type Identity } from '../support/pki.ts'
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

t.test('unknownName: serve takes the handshake, and nothing else more lightly', async (t) => {
  const { call, receiver, port, pki } = await start(t, 'serve')
  t.match(await call('other.example'), { names: /DNS:localhost/, answer: 200 })
  t.match(await call('other.example', 'a.example.com'), { names: /DNS:localhost/, answer: 421 }, 'another host is misdirected')
  t.match(await call('a.example.com', 'other.example'), { names: /DNS:a.example.com/, answer: 421 })
  t.equal(receiver.seen.length, 1)
  const stranger = await (await makeCa()).client()
  for (const shown of [{}, { cert: stranger.chain, key: stranger.key }]) {
    const client = await rawTls(port, { ca: pki.ca.certificate, ...shown, servername: 'other.example', checkServerIdentity: () => undefined })
    t.equal((await client.send('POST /hook HTTP/1.1\r\nHost: other.example\r\nContent-Length: 2\r\n\r\n{}').response()).status, 403, 'a certificate is asked for, and of the same authorities')
    client.close()
  }
  t.equal(receiver.seen.length, 1)
})

t.test('one name in every spelling, in the handshake and in the request, meets the route of that name and of no other', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const neighbour = await makeCa()
  const { port, pki, sender, audit } = await startGateway(t, {
    receiver: receiver.port, clientCertificate: { ca: ['ca.pem', 'neighbour.pem'] },
    files: async ({ ca }) => {
      const server = await ca.server(['xn--bcher-kva.example', '*.xn--mnchen-3ya.example', 'neighbour.example'])
      return { 'neighbour.pem': neighbour.certificate, 'names.pem': server.chain, 'names.key': server.key }
    },
    listener: { tls: { certificate: 'names.pem', key: 'names.key', clientCertificate: { mode: 'request', ca: ['ca.pem', 'neighbour.pem'] } } },
    routes: [
      { match: { path: '/hook', host: ['Bücher.example'] }, certificate: { ca: ['ca.pem'] } },
      { match: { path: '/hook', host: ['*.München.example.'] }, certificate: { ca: ['ca.pem'] } },
      { match: { path: '/hook', host: ['neighbour.example'] }, certificate: { ca: ['neighbour.pem'] } },
    ],
  })
  const other = await neighbour.client()
  const call = async ({ chain, key }: Identity, servername: string, host: string): Promise<number | 'closed'> => {
    try {
      const client = await rawTls(port, { ca: pki.ca.certificate, cert: chain, key, servername, checkServerIdentity: () => undefined })
      const { status } = await client.send(`POST /hook HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 2\r\n\r\n{}`).response()
      client.close()
      return status
    } catch {
      return 'closed'
    }
  }
  const spellings: readonly (readonly [called: readonly string[], hosts: readonly string[]])[] = [
    [['xn--bcher-kva.example', 'XN--BCHER-KVA.Example', 'xn--bcher-kva.example.'], ['xn--bcher-kva.example', 'Xn--Bcher-KVA.EXAMPLE', 'xn--bcher-kva.example.', 'xn--bcher-kva.example:443', 'XN--bcher-kva.example.:8443']],
    [['a.xn--mnchen-3ya.example', 'A.XN--MNCHEN-3YA.example', 'a.xn--mnchen-3ya.example.'], ['a.xn--mnchen-3ya.example', 'A.xn--Mnchen-3ya.Example.:8443']],
  ]
  let asked = 0
  for (const [called, hosts] of spellings) {
    for (const servername of called) {
      for (const host of hosts) {
        const seen = receiver.seen.length
        t.equal(await call(sender, servername, host), 200, `${servername} then ${host}`)
        t.equal(await call(other, servername, host), 403, `${servername} then ${host}: the neighbour’s sender`)
        t.equal(receiver.seen.length, seen + 1)
        asked += 2
      }
    }
  }
  const seen = receiver.seen.length
  const refused: readonly (readonly [called: string, host: string, answer: number | 'closed'])[] = [
    ['neighbour.example', 'xn--bcher-kva.example', 421], ['xn--bcher-kva.example', 'a.xn--mnchen-3ya.example', 421], ['a.xn--mnchen-3ya.example', 'b.xn--mnchen-3ya.example', 421],
    ['', 'bucher.example', 404], ['', 'a.b.xn--mnchen-3ya.example', 404], ['', 'xn--mnchen-3ya.example', 404], ['', 'neighbour.example', 403],
    ['xn--bcher-kva.example', 'b\u00fccher.example', 400], ['xn--bcher-kva.example', 'xn--bcher-kva.example..', 400], ['xn--bcher-kva.example', 'xn--bcher-kva.example:0', 400],
    ['xn--bcher-kva.example..', 'xn--bcher-kva.example', 'closed'], ['bücher.example', 'xn--bcher-kva.example', 'closed'], ['a.b.xn--mnchen-3ya.example', 'a.b.xn--mnchen-3ya.example', 'closed'],
  ]
  for (const [called, host, answer] of refused) t.equal(await call(sender, called, host), answer, `${called} then ${host}`)
  t.equal(receiver.seen.length, seen)
  t.same([...new Set((await audit(asked + refused.length)).flatMap(({ verdict, reason }) => (verdict === 'refused' ? [reason] : [])))].sort(), ['certificate-untrusted', 'handshake-failed', 'malformed-request', 'misdirected', 'no-route'])
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
