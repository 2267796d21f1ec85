import { constants } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { startGateway, type GatewayOptions } from '../support/gateway.ts'
import { makeCa } from '../support/pki.ts'
import { RawClient } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/**
 * A TLS session outlives the handshake that checked a certificate (CVE-2025-23419, nodejs/node#35317). Whatever a sender kept
 * from an earlier connection, the next one begins with nothing: no session is resumed, no certificate is remembered.
 */
const post = (path: string, host: string): string => `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 2\r\n\r\n{}`

async function start(t: Test, options: Partial<GatewayOptions> & Pick<GatewayOptions, 'routes'>) {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, ...options })
  /** The answer on a new connection, whether a session was resumed, and the session that it leaves. */
  const visit = async (path: string, given: ConnectionOptions, asked = 'localhost') => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port: gateway.port, servername: 'localhost', ca: gateway.pki.ca.certificate, ...given })
    let session: Buffer | undefined
    socket.on('session', (kept) => { session = kept })
    const client = new RawClient(socket)
    const met = await once(socket, 'secureConnect').then(() => true, () => false)
    if (!met) return { said: 'closed', reused: socket.isSessionReused(), kept: undefined }
    const said = await client.send(post(path, asked)).response().then(({ status, body }) => (
      status === 200 ? 'accepted' : (JSON.parse(body.toString()) as { reason: string }).reason
    ), () => 'closed')
    const reused = socket.isSessionReused()
    const kept = session ?? socket.getSession()
    client.close()
    return { said, reused, kept }
  }
  return { ...gateway, receiver, visit }
}

/** Kept by the sender as a ticket, or by its id in the server's memory, which TLS 1.3 has no more. */
const keepings = [
  { version: 'TLSv1.2', by: 'ticket', secureOptions: 0 }, { version: 'TLSv1.2', by: 'id', secureOptions: constants.SSL_OP_NO_TICKET }, { version: 'TLSv1.3', by: 'ticket', secureOptions: 0 },
] as const

for (const { version, by, secureOptions } of keepings) {
  const versions = { minVersion: version, maxVersion: version, secureOptions }
  const title = `${version} by ${by}`

  t.test(`${title}: made under one name with its authority, brought back under another name with another`, async (t) => {
    const strict = await makeCa()
    const { visit, sender, receiver } = await start(t, {
      routes: [{ match: { path: '/hook', host: ['localhost'] }, certificate: { ca: ['ca.pem'] } }, { match: { path: '/hook', host: ['other.example'] }, certificate: { ca: ['strict.pem'] } }],
      files: async ({ ca }) => {
        const other = await ca.server(['other.example'])
        return { 'strict.pem': strict.certificate, 'other.pem': other.chain, 'other.key': other.key }
      },
      listener: { tls: { certificate: 'server.pem', key: 'server.key', others: [{ certificate: 'other.pem', key: 'other.key' }], clientCertificate: { mode: 'request', ca: ['ca.pem', 'strict.pem'] } } },
    })
    const identity = { cert: sender.chain, key: sender.key }
    const first = await visit('/hook', { ...versions, ...identity })
    t.equal(first.said, 'accepted')
    const session = first.kept === undefined ? {} : { session: first.kept }
    const there = { ...versions, ...session, servername: 'other.example', checkServerIdentity: () => undefined }
    t.match(await visit('/hook', there, 'other.example'), { said: 'certificate-missing', reused: false })
    t.match(await visit('/hook', { ...there, ...identity }, 'other.example'), { said: 'certificate-untrusted', reused: false })
    const entitled = await strict.client()
    t.match(await visit('/hook', { ...there, cert: entitled.chain, key: entitled.key }, 'other.example'), { said: 'accepted', reused: false }, 'by its own certificate, not by the session')
    t.equal(receiver.seen.length, 2)
  })

  t.test(`${title}: made on a listener that asks nobody, brought back to one that does`, async (t) => {
    const { visit, receiver, gateway } = await start(t, {
      routes: [{ match: { path: '/asked' }, certificate: {} }, { match: { path: '/open' }, open: true }],
      settings: { listeners: [
        { address: '127.0.0.1:0', tls: { certificate: 'server.pem', key: 'server.key', clientCertificate: { mode: 'request', ca: ['ca.pem'] } } },
        { address: '127.0.0.2:0', tls: { certificate: 'server.pem', key: 'server.key' } },
      ] },
    })
    const [, lax] = gateway.addresses
    const first = await visit('/open', { ...versions, host: '127.0.0.2', port: lax?.port ?? 0 })
    t.equal(first.said, 'accepted')
    t.match(await visit('/asked', { ...versions, ...first.kept === undefined ? {} : { session: first.kept } }), { said: 'certificate-missing', reused: false })
    t.equal(receiver.seen.length, 1)
  })

  t.test(`${title}: made with a certificate, brought back without one, under this name and another`, async (t) => {
    const strict = await makeCa()
    const { visit, sender, receiver } = await start(t, {
      routes: [{ match: { path: '/a', host: ['localhost'] }, certificate: { ca: ['ca.pem'] } }, { match: { path: '/b' }, certificate: { ca: ['strict.pem'] } }],
      clientCertificate: { ca: ['ca.pem', 'strict.pem'] },
      files: async ({ ca }) => {
        const other = await ca.server(['other.example'])
        return { 'strict.pem': strict.certificate, 'other.pem': other.chain, 'other.key': other.key }
      },
      listener: { tls: { certificate: 'server.pem', key: 'server.key', others: [{ certificate: 'other.pem', key: 'other.key' }], clientCertificate: { mode: 'request', ca: ['ca.pem', 'strict.pem'] } } },
    })
    const first = await visit('/a', { ...versions, cert: sender.chain, key: sender.key })
    t.equal(first.said, 'accepted')
    const session = first.kept === undefined ? {} : { session: first.kept }
    t.match(await visit('/a', { ...versions, ...session }), { said: 'certificate-missing', reused: false })
    t.match(await visit('/b', { ...versions, ...session }), { said: 'certificate-missing', reused: false }, 'on the route of another authority')
    t.match(await visit('/a', { ...versions, ...session, servername: 'other.example', checkServerIdentity: () => undefined }), { said: 'misdirected', reused: false })
    t.match(await visit('/b', { ...versions, ...session, cert: sender.chain, key: sender.key }), { said: 'certificate-untrusted', reused: false })
    t.equal(receiver.seen.length, 1)
  })

  t.test(`${title}: made without a certificate where it is optional`, async (t) => {
    const { visit, receiver } = await start(t, { routes: [{ match: { path: '/optional' }, certificate: { optional: true }, open: true }, { match: { path: '/asked' }, certificate: {} }] })
    const first = await visit('/optional', versions)
    t.equal(first.said, 'accepted')
    t.match(await visit('/asked', { ...versions, ...first.kept === undefined ? {} : { session: first.kept } }), { said: 'certificate-missing', reused: false })
    t.equal(receiver.seen.length, 1)
  })

  t.test(`${title}: made before the certificate was revoked, and before its authority was taken away`, async (t) => {
    const { visit, sender, receiver, gateway, write, settings, directory, pki } = await start(t, {
      routes: [{ match: { path: '/a' }, certificate: {} }], clientCertificate: { crl: ['ca.crl'] }, files: async ({ ca }) => ({ 'ca.crl': await ca.crl() }),
    })
    const identity = { ...versions, cert: sender.chain, key: sender.key }
    const first = await visit('/a', identity)
    t.equal(first.said, 'accepted')
    const session = first.kept === undefined ? {} : { session: first.kept }
    writeFileSync(join(directory, 'ca.crl'), await pki.ca.crl([sender]))
    t.equal(await gateway.reload(), 'taken')
    t.match(await visit('/a', { ...identity, ...session }), { said: 'certificate-revoked', reused: false })
    const [listener] = settings['listeners'] as [{ tls: object }]
    writeFileSync(join(directory, 'other.pem'), (await makeCa()).certificate)
    write({ ...settings, listeners: [{ ...listener, tls: { ...listener.tls, clientCertificate: { mode: 'request', ca: ['other.pem'] } } }] })
    t.equal(await gateway.reload(), 'taken')
    t.match(await visit('/a', { ...identity, ...session }), { said: 'certificate-untrusted', reused: false })
    t.equal(receiver.seen.length, 1)
  })

  t.test(`${title}: made before certificates were asked for at all`, async (t) => {
    const { visit, receiver, gateway, write, settings } = await start(t, { routes: [{ match: { path: '/a' }, open: true }], clientCertificate: false })
    const first = await visit('/a', versions)
    t.equal(first.said, 'accepted')
    const again = await visit('/a', { ...versions, ...first.kept === undefined ? {} : { session: first.kept } })
    t.equal(again.reused, by === 'ticket', 'here tickets are taken: nobody is asked for a certificate; ids are never remembered')
    const [listener] = settings['listeners'] as [{ tls: object }]
    for (const mode of ['request', 'require']) {
      write({
        ...settings, listeners: [{ ...listener, tls: { ...listener.tls, clientCertificate: { mode, ca: ['ca.pem'] } } }],
        routes: [{ name: 'a', match: { path: '/a' }, forward: { to: 'target' }, certificate: {} }],
      })
      t.equal(await gateway.reload(), 'taken')
      const { said, reused } = await visit('/a', { ...versions, ...again.kept === undefined ? {} : { session: again.kept } })
      t.equal(said, mode === 'request' ? 'certificate-missing' : 'closed', mode)
      t.equal(reused, false, mode)
    }
    t.equal(receiver.seen.length, 2)
  })
}
