import { once } from 'node:events'
import { createSecureContext, type SecureVersion, type TlsOptions } from 'node:tls'
import t, { type Test } from 'tap'
import type { ClientCertificatePlan, TlsPlan } from '../../src/core/plan.ts'
import { buildTlsOptions, type TlsMaterial } from '../../src/listen/tls.ts'
import { makeCa, makePki } from '../support/pki.ts'
import { listenTls } from '../support/tls.ts'

const { ca, intermediate } = await makePki()
const strict = await makeCa()
const own = await ca.server()
const sender = await ca.client()
const plan: TlsPlan = { certificate: own.chain, key: own.key, minVersion: 'TLSv1.2', clientCertificate: undefined }
const asking: ClientCertificatePlan = { mode: 'request', ca: [ca.certificate], crl: [] }

function build(changes: Partial<TlsPlan>): TlsMaterial {
  const built = buildTlsOptions({ ...plan, ...changes })
  if ('problems' in built) throw new Error(JSON.stringify(built.problems))
  return built
}

t.test('settings that could not hold are refused, all at once', async (t) => {
  const other = await ca.server()
  const below = await intermediate.server()
  const rows: [string, Partial<TlsPlan>, (string | number)[], RegExp][] = [
    ['no certificate', { certificate: '' }, ['certificate'], /no certificate/],
    ['a broken certificate', { certificate: own.chain.replace('M', '!') }, ['certificate'], /broken|cannot be read/],
    ['half a file', { certificate: own.chain.slice(0, 300) }, ['certificate'], /broken/],
    ['a chain in the wrong order', { certificate: intermediate.certificate + below.certificate, key: intermediate.key }, ['certificate'], /not issued by the one behind/],
    ['a key for another certificate', { key: other.key }, ['key'], /do not belong together/],
    ['no key', { key: own.certificate }, ['key'], /no private key/],
    ['no CA at all', { clientCertificate: { ...asking, ca: [] } }, ['clientCertificate', 'ca'], /no authority/],
    ['an empty CA file', { clientCertificate: { ...asking, ca: [''] } }, ['clientCertificate', 'ca', 0], /no certificate/],
    ['a CA file of blanks', { clientCertificate: { ...asking, ca: [ca.certificate, ' \n'] } }, ['clientCertificate', 'ca', 1], /no certificate/],
    ['a CA file broken in the middle', { clientCertificate: { ...asking, ca: [`${ca.certificate}-----BEGIN CERTIFICATE-----\nMII\n`] } }, ['clientCertificate', 'ca', 0], /broken/],
    ['a key among the CAs', { clientCertificate: { ...asking, ca: [ca.certificate + ca.key] } }, ['clientCertificate', 'ca', 0], /PRIVATE KEY/],
    ['a leaf among the CAs', { clientCertificate: { ...asking, ca: [sender.certificate] } }, ['clientCertificate', 'ca', 0], /not an authority/],
    ['no revocation list', { clientCertificate: { ...asking, crl: [new Uint8Array()] } }, ['clientCertificate', 'crl', 0], /./],
  ]
  for (const [name, changes, path, what] of rows) {
    const built = buildTlsOptions({ ...plan, ...changes })
    t.ok('problems' in built, name)
    if (!('problems' in built)) continue
    t.same(built.problems[0]?.path, path, name)
    t.match(built.problems[0]?.what, what, name)
    t.notMatch(JSON.stringify(built.problems), /PRIVATE KEY-----/, `${name}: quotes no key`)
  }
  const several = buildTlsOptions({ ...plan, certificate: '', key: '', clientCertificate: { ...asking, ca: [''] } })
  t.equal('problems' in several ? several.problems.length : 0, 3)
})

t.test('only HTTP/1.1, only modern TLS', async (t) => {
  const { meet } = await listenTls(t, build({}).options)
  t.equal((await meet({ ALPNProtocols: ['h2', 'http/1.1'] }))?.server.alpnProtocol, 'http/1.1')
  t.equal(await meet({ ALPNProtocols: ['h2'] }), undefined)
  t.equal(await meet({ maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }), undefined)
  t.equal(await meet({ maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' }), undefined)
  t.equal((await meet({ maxVersion: 'TLSv1.2' }))?.server.getProtocol(), 'TLSv1.2')
  const modern = await listenTls(t, build({ minVersion: 'TLSv1.3' }).options)
  t.equal(await modern.meet({ maxVersion: 'TLSv1.2' }), undefined)
})

t.test('mode require refuses in the handshake, mode request leaves it to the route', async (t) => {
  const rogue = await strict.client()
  const requiring = await listenTls(t, build({ clientCertificate: { ...asking, mode: 'require' } }).options)
  t.ok((await requiring.meet({ cert: sender.chain, key: sender.key }))?.server.authorized)
  t.equal(await requiring.meet(), undefined)
  t.equal(await requiring.meet({ cert: rogue.chain, key: rogue.key }), undefined)
  const requesting = await listenTls(t, build({ clientCertificate: asking }).options)
  t.equal((await requesting.meet())?.server.authorized, false)
  t.equal((await requesting.meet({ cert: rogue.chain, key: rogue.key }))?.server.authorized, false)
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`${version}: no session is resumed where certificates are asked for`, async (t) => {
    const { server, port, meet } = await listenTls(t, build({ clientCertificate: asking }).options)
    const other = build({ clientCertificate: { ...asking, ca: [strict.certificate] } })
    server.addContext('strict.example', createSecureContext(other.options))
    const versions = { minVersion: version, maxVersion: version }
    const rows: [string, object, string][] = [
      ['made under another name', { cert: sender.chain, key: sender.key }, 'strict.example'],
      ['made without a certificate', {}, 'localhost'],
      ['made with a certificate', { cert: sender.chain, key: sender.key }, 'localhost'],
    ]
    for (const [name, credentials, servername] of rows) {
      const session = await sessionOf({ port, meet, credentials, versions })
      const again = await meet({ ...versions, servername, ...session === undefined ? {} : { session } })
      t.equal(again?.client.isSessionReused(), false, `${name}: not resumed`)
      t.equal(again?.server.authorized, false, `${name}: not authorized`)
      t.equal(again?.server.getPeerX509Certificate(), undefined, `${name}: no certificate`)
    }
  })

  t.test(`${version}: the same listener with tickets would resume (the trap is real)`, async (t) => {
    const { options } = build({})
    const { port, meet } = await listenTls(t, { ...options, requestCert: true, rejectUnauthorized: false, ca: [ca.certificate] })
    const versions = { minVersion: version, maxVersion: version }
    const session = await sessionOf({ port, meet, credentials: { cert: sender.chain, key: sender.key }, versions })
    const again = await meet({ ...versions, ...session === undefined ? {} : { session } })
    t.equal(again?.client.isSessionReused(), true)
  })
}

interface Trial {
  readonly port: number
  readonly meet: (options: object) => Promise<{ client: import('node:tls').TLSSocket } | undefined>
  readonly credentials: object
  readonly versions: { readonly minVersion: SecureVersion; readonly maxVersion: SecureVersion }
}

/** A whole exchange; the session the client could keep, if it was given one. */
async function sessionOf({ meet, credentials, versions }: Trial): Promise<Buffer | undefined> {
  const met = await meet({ ...versions, ...credentials })
  let session: Buffer | undefined
  met?.client.on('session', (given) => { session = given })
  met?.client.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  met?.client.resume()
  if (met !== undefined) await once(met.client, 'close')
  return session ?? met?.client.getSession()
}

t.test('behind our certificate stands what OpenSSL would put there itself, in each handshake anew', async (t) => {
  const other = await makeCa()
  const chained = await intermediate.server()
  const rows: [string, { readonly chain: string, readonly certificate: string, readonly key: string }, string, string[], number][] = [
    ['its root is known', own, own.certificate, [ca.certificate], 2],
    ['root and intermediate are known', chained, chained.certificate, [ca.certificate, intermediate.certificate], 3],
    ['only its intermediate is known', chained, chained.certificate, [intermediate.certificate], 2],
    ['nobody above it is known', own, own.certificate, [other.certificate], 1],
    ['only the root above its intermediate is known', chained, chained.certificate, [ca.certificate], 1],
    ['its file tells more than itself', chained, chained.certificate + intermediate.certificate, [ca.certificate], 2],
  ]
  for (const [name, { key }, certificate, trusted, length] of rows) {
    const built = build({ certificate, key, clientCertificate: { ...asking, ca: trusted } })
    const ours = await sentBy(t, built.options)
    t.equal(ours.length, length, name)
    t.same(ours, await sentBy(t, { ...built.options, cert: certificate }), `${name}: as OpenSSL would`)
    t.equal(built.certificates.length, certificate.split('BEGIN').length - 1, `${name}: our own are those of the file`)
  }
})

/** What a server sends, leaf first. */
async function sentBy(t: Test, options: TlsOptions): Promise<string[]> {
  const { meet } = await listenTls(t, options)
  const met = await meet({})
  const sent = []
  for (let one = met?.client.getPeerX509Certificate(); one !== undefined; one = one.issuerCertificate) sent.push(one.fingerprint256)
  return sent
}
