import { createHash, X509Certificate } from 'node:crypto'
import { createServer } from 'node:https'
import { once } from 'node:events'
import { connect } from 'node:tls'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { Vouchers } from '../../src/certificates/certificate.ts'
import { handshakeRefusal } from '../../src/listen/handshake.ts'
import { peerCertificate } from '../../src/listen/peer-certificate.ts'
import { buildTlsOptions } from '../../src/listen/tls.ts'
import { makeAuthority } from '../../src/pki/authority.ts'
import { keyUsage, oddCertificate } from '../support/odd.ts'
import { day, makeCa, makePki, type Ca, type Identity } from '../support/pki.ts'
import { listenTls } from '../support/tls.ts'

const { ca, intermediate } = await makePki()
const own = await ca.server()
const rogue = await makeCa()
const sender = await intermediate.client()
const credentials = (one: Identity) => ({ cert: one.chain, key: one.key })

function options(mode: 'request' | 'require', crl: readonly string[] = [], by: Ca = ca) {
  const built = buildTlsOptions({ certificate: own.chain, key: own.key, minVersion: 'TLSv1.2', clientCertificate: { mode, ca: [by.certificate], crl: crl.map((one) => Buffer.from(one)) } })
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

/** What the server makes of each of these, a connection each, one after the other. */
async function shownTo(t: Test, ca: Ca, identities: readonly Identity[], vouchers = options('request', [], ca)) {
  const { meet } = await listenTls(t, vouchers.options)
  const found = []
  for (const one of identities) {
    const met = await meet(credentials(one))
    found.push(met && peerCertificate(met.server, rulesFor(vouchers)))
  }
  return found
}

t.test('two connections, one certificate: read once, and judged twice', async (t) => {
  const [own, other] = [await ca.client({ cn: 'one' }), await ca.client({ cn: 'two' })]
  const [first, again, second, last] = await shownTo(t, ca, [own, own, other, own])
  t.equal(again?.der, first?.der, 'the very array')
  t.equal(last?.der, first?.der)
  t.not(again, first, 'a connection\'s own')
  t.not(second?.der, first?.der)
  t.match([first, again, second, last].map((one) => one?.subject[0]?.value), ['one', 'one', 'two', 'one'])
  t.same([first, again, second, last].map((one) => one?.trust), ['trusted', 'trusted', 'trusted', 'trusted'])
  t.same(again?.issuers.map((der) => Buffer.from(der)), [new X509Certificate(ca.certificate).raw])
  const [elsewhere] = await shownTo(t, rogue, [own])
  t.match(elsewhere?.trust, { error: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }, 'known here, and nobody vouches there')
  const [below, belowAgain] = await shownTo(t, ca, [sender, sender])
  t.equal(below?.der, belowAgain?.der, 'below an intermediate')
  t.same(belowAgain?.issuers, below?.issuers)
  t.equal(belowAgain?.trust, 'trusted')
})

t.test('a stranger is read anew each time', async (t) => {
  const stranger = await rogue.client()
  const [first, again] = await shownTo(t, ca, [stranger, stranger])
  t.not(first?.der, again?.der)
  t.same(Buffer.from(first?.der ?? []), again?.der)
})

t.test('a reload, a list and the time count for a certificate that is known', async (t) => {
  const own = await ca.client()
  const crossed = await crossSign(ca, rogue)
  const vouchers = options('request')
  const { meet } = await listenTls(t, vouchers.options)
  await meet(credentials(own)).then((met) => met && peerCertificate(met.server, rulesFor(vouchers)))
  const met = await meet({ cert: own.certificate + crossed, key: own.key })
  if (met === undefined) throw new Error('no handshake')
  let [current, now]: [Vouchers, number] = [vouchers, Date.now()]
  const known = peerCertificate(met.server, { met: { vouchers, at: now }, vouchers: () => current, now: () => now })
  t.equal(known?.trust, 'trusted')
  current = options('request', [await ca.crl([own])])
  t.match(known?.trust, { error: 'CERT_REVOKED' })
  current = options('request', [await ca.crl()])
  t.equal(known?.trust, 'trusted')
  current = options('request', [], rogue)
  t.match(known?.trust, { error: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' })
  t.same(known?.issuers.map((der) => Buffer.from(der)), [crossed, rogue.certificate].map((pem) => new X509Certificate(pem).raw), 'now it counts what was sent')
  current = vouchers
  now += 400 * day
  t.match(known?.trust, { error: 'CERT_HAS_EXPIRED' })
})

/** The same name and key, certified by somebody else. */
async function crossSign(of: Ca, by: Ca): Promise<string> {
  const name = new X509Certificate(of.certificate).subject.replace('CN=', '')
  const made = await makeAuthority({ subject: { CN: name }, keys: of.authority.keys, notBefore: Date.now() - 1000, notAfter: Date.now() + 1e7 }, by.authority)
  return made.certificate.toString('pem')
}

t.test('junk behind a certificate right below a root counts for nothing, whether it is known or not; below an intermediate it does', async (t) => {
  const root = await makeCa({ name: 'Root' })
  const middle = await root.below({ name: 'Middle' })
  const twin = (of: Ca, name: string) => oddCertificate({ subject: `CN=${name}`, keys: of.authority.keys, by: root.authority, extensions: [keyUsage('keyCertSign')] })
  const [direct, below] = [await root.client(), await middle.client()]
  const junk = [{ ...direct, chain: direct.certificate + await twin(root, 'Root') }, { ...direct, chain: direct.certificate + middle.certificate.repeat(17) }]
  const found = await shownTo(t, root, [junk[0] as Identity, direct, ...junk, direct])
  t.same(found.map((one) => one?.trust), found.map(() => 'trusted'))
  for (const one of found) t.same(one?.issuers.map((der) => Buffer.from(der)), [new X509Certificate(root.certificate).raw])
  const bad = { ...below, chain: below.certificate + middle.certificate + await twin(middle, 'Middle') }
  t.match((await shownTo(t, root, [bad, below, bad])).map((one) => one?.trust), [{ error: /UNABLE/ }, 'trusted', { error: /UNABLE/ }])
})
