import { createHash, X509Certificate } from 'node:crypto'
import { createServer } from 'node:https'
import { once } from 'node:events'
import { connect } from 'node:tls'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Vouchers } from '../../src/certificates/certificate.ts'
import { handshakeRefusal } from '../../src/listen/handshake.ts'
import { peerCertificate } from '../../src/listen/peer-certificate.ts'
import { buildTlsOptions } from '../../src/listen/tls.ts'
import { day, makeCa, makePki, type Identity } from '../support/pki.ts'
import { listenTls } from '../support/tls.ts'

const { ca, intermediate } = await makePki()
const own = await ca.server()
const rogue = await makeCa()
const sender = await intermediate.client()
const credentials = (one: Identity) => ({ cert: one.chain, key: one.key })

function options(mode: 'request' | 'require', crl: readonly string[] = []) {
  const built = buildTlsOptions({ certificate: own.chain, key: own.key, minVersion: 'TLSv1.2', clientCertificate: { mode, ca: [ca.certificate], crl: crl.map((one) => Buffer.from(one)) } })
  if ('problems' in built) throw new Error(JSON.stringify(built.problems))
  return built
}

function rulesFor(vouchers: Vouchers) {
  return { met: { vouchers, at: Date.now() }, vouchers: () => vouchers, now: Date.now }
}

t.test('a certificate as the handshake gave it', async (t) => {
  const { options: tls, ...vouchers } = options('request')
  const rules = rulesFor(vouchers)
  const { meet } = await listenTls(t, tls)
  const met = await meet(credentials(sender))
  if (met === undefined) throw new Error('no handshake')
  const found = peerCertificate(met.server, rules)
  t.equal(found, peerCertificate(met.server, rules), 'read once a connection')
  t.match(found, { trust: 'trusted', serial: sender.serial, names: [{ type: 'dns', value: 'sender.example' }] })
  t.equal(found?.fingerprint, createHash('sha256').update(sender.der).digest('hex'))
  const issuers = [intermediate, ca].map(({ certificate }) => new X509Certificate(certificate).raw)
  t.same(found?.issuers.map((der) => Buffer.from(der)), issuers)
  t.equal(peerCertificate((await meet())?.server as never, rules), undefined, 'none was sent')
})

t.test('why a certificate is not trusted, by OpenSSL\'s word', async (t) => {
  const rows: [string, Identity, readonly string[], string][] = [
    ['of another CA', await rogue.client(), [], 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['expired', await ca.client({ notAfter: Date.now() - 1000 }), [], 'CERT_HAS_EXPIRED'],
    ['not yet valid', await ca.client({ notBefore: Date.now() + day, notAfter: Date.now() + 2 * day }), [], 'CERT_NOT_YET_VALID'],
    ['for servers only', own, [], 'INVALID_PURPOSE'],
    ['revoked', sender, [await ca.crl(), await intermediate.crl([sender])], 'CERT_REVOKED'],
    ['its CA revoked', sender, [await ca.crl([new X509Certificate(intermediate.certificate).serialNumber.toLowerCase()]), await intermediate.crl()], 'CERT_REVOKED'],
    ['list missing for one CA', sender, [await ca.crl()], 'UNABLE_TO_GET_CRL'],
    ['list expired', sender, [await ca.crl(), await intermediate.crl([], { nextUpdate: Date.now() - 1000 })], 'CRL_HAS_EXPIRED'],
  ]
  for (const [name, identity, crl, error] of rows) {
    const { options: tls, ...vouchers } = options('request', crl)
    const rules = rulesFor(vouchers)
    const { meet } = await listenTls(t, tls)
    const met = await meet(credentials(identity))
    t.match(met && peerCertificate(met.server, rules)?.trust, { error }, name)
  }
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`${version}: why a handshake was refused`, async (t) => {
    const rows: [string, Identity | undefined, readonly string[], string][] = [
      ['none', undefined, [], 'certificate-missing'],
      ['rogue', await rogue.client(), [], 'certificate-untrusted'],
      ['expired', await ca.client({ notAfter: Date.now() - 1000 }), [], 'certificate-expired'],
    ]
    for (const [name, identity, crl, reason] of rows) {
      const server = createServer(options('require', crl).options)
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const refused = once(server, 'tlsClientError')
      const port = (server.address() as AddressInfo).port
      const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: version, ...identity && credentials(identity) })
      client.on('error', () => undefined)
      const [error, socket] = await refused
      t.equal(handshakeRefusal(error, socket).reason, reason, name)
      client.destroy()
      server.close()
    }
  })
}

t.test('an error that is about no certificate', (t) => {
  t.match(handshakeRefusal(Object.assign(new Error('x'), { code: 'ERR_SSL_NO_SHARED_CIPHER' }), { servername: 'a.example', authorizationError: null } as never),
    { reason: 'handshake-failed', facts: { error: 'ERR_SSL_NO_SHARED_CIPHER', host: 'a.example' } })
  t.end()
})
