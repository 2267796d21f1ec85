import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type ConnectionOptions } from 'node:tls'
import t from 'tap'
import { makeKeys, writePrivateKey } from '../../src/pki/keys.ts'
import { startGateway } from '../support/gateway.ts'
import { extendedKeyUsage, oddCertificate, resign, usual } from '../support/odd.ts'
import { day, hour, makeCa, makePki, type Identity } from '../support/pki.ts'
import { rawTcp, rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/**
 * Real handshakes that a listener with `mode: require` refuses: each is one record at normal level with source, name, certificate
 * where one was shown, OpenSSL's reason, and the contract's; nothing reaches the receiver.
 */
const receiver = await startReceiver()
t.teardown(() => receiver.close())
const { ca, intermediate } = await makePki()
const revoked = await ca.client({ cn: 'revoked' })
const gateway = await startGateway(t, {
  receiver: receiver.port, routes: [{ certificate: {} }], clientCertificate: { mode: 'require', ca: ['senders.pem'], crl: ['senders.crl', 'below.crl'] },
  files: async () => ({ 'senders.pem': ca.certificate, 'senders.crl': await ca.crl([revoked]), 'below.crl': await intermediate.crl() }),
})
const stranger = await makeCa()

/** A certificate with its key, as a sender shows it. */
interface Shown { readonly cert: string; readonly key: string }
const of = (one: Identity): Shown => ({ cert: one.chain, key: one.key })

async function odd(change: (keys: Awaited<ReturnType<typeof makeKeys>>) => Promise<string> | string): Promise<Shown> {
  const keys = await makeKeys('ec')
  return { cert: await change(keys), key: await writePrivateKey(keys.privateKey) }
}

interface Row { readonly name: string; readonly reason: string; readonly error: RegExp; readonly shows?: Shown; readonly options?: ConnectionOptions; readonly subject?: RegExp }

const now = Date.now()
const certificates: readonly Row[] = [
  { name: 'no certificate', reason: 'certificate-missing', error: /PEER_DID_NOT_RETURN_A_CERTIFICATE/ },
  { name: 'expired', reason: 'certificate-expired', error: /^CERT_HAS_EXPIRED$/, shows: of(await ca.client({ notBefore: now - 2 * day, notAfter: now - hour })) },
  { name: 'not yet valid', reason: 'certificate-expired', error: /^CERT_NOT_YET_VALID$/, shows: of(await ca.client({ notBefore: now + day })) },
  { name: 'self-signed', reason: 'certificate-untrusted', error: /^DEPTH_ZERO_SELF_SIGNED_CERT$/, shows: await odd((keys) => oddCertificate({ subject: 'CN=self', keys, extensions: usual.leaf() })), subject: /CN=self/ },
  { name: 'an authority that nobody knows', reason: 'certificate-untrusted', error: /^UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(_LOCALLY)?)$/, shows: of(await stranger.client({ cn: 'stranger' })), subject: /CN=stranger/ },
  { name: 'an authority that nobody knows, sent along', reason: 'certificate-untrusted', error: /^SELF_SIGNED_CERT_IN_CHAIN$/, shows: await stranger.client().then((one) => ({ cert: one.chain + stranger.certificate, key: one.key })) },
  { name: 'an intermediate that was not sent', reason: 'certificate-untrusted', error: /^UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(_LOCALLY)?)$/, shows: await intermediate.client().then((one) => ({ cert: one.certificate, key: one.key })) },
  { name: 'for servers only', reason: 'certificate-untrusted', error: /^INVALID_PURPOSE$/, shows: of(await ca.server(['localhost'])) },
  { name: 'for mail only', reason: 'certificate-untrusted', error: /^INVALID_PURPOSE$/, shows: await odd((keys) => oddCertificate({ subject: 'CN=mail', keys, by: ca.authority, extensions: [...usual.leaf().slice(0, 2), extendedKeyUsage('1.3.6.1.5.5.7.3.4')] })) },
  { name: 'not signed by whom it names', reason: 'certificate-untrusted', error: /^CERT_SIGNATURE_FAILURE$/, shows: await ca.client().then((one) => ({ cert: resign(one.certificate, stranger.key, {}), key: one.key })) },
  { name: 'signed with SHA-1', reason: 'certificate-untrusted', error: /TOO_WEAK|^UNSPECIFIED$/, shows: await odd((keys) => oddCertificate({ subject: 'CN=sha1', keys, by: ca.authority, extensions: usual.leaf(), hash: 'SHA-1' })) },
  { name: 'revoked', reason: 'certificate-revoked', error: /^CERT_REVOKED$/, shows: of(revoked), subject: /CN=revoked/ },
]

const negotiations: readonly Row[] = [
  { name: 'a version that is too low', reason: 'handshake-failed', error: /UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW/, options: { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } },
  { name: 'no cipher in common', reason: 'handshake-failed', error: /NO_SHARED_CIPHER/, options: { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' } },
  { name: 'no protocol in common', reason: 'handshake-failed', error: /NO_APPLICATION_PROTOCOL|ALERT|ERR_SSL/, options: { ALPNProtocols: ['h2'] } },
  { name: 'no group in common', reason: 'handshake-failed', error: /NO_SHARED|NO_SUITABLE/, options: { maxVersion: 'TLSv1.2', ecdhCurve: 'secp256k1' } },
]

let records = 0

/** What a handshake leaves behind. */
async function refuse(options: ConnectionOptions): Promise<Record<string, unknown>> {
  const socket = connect({ host: '127.0.0.1', port: gateway.port, servername: 'localhost', rejectUnauthorized: false, ...options }).on('error', () => undefined)
  await new Promise((done) => socket.once('close', done).resume())
  return (await gateway.audit(++records))[records - 1] ?? {}
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  void t.test(`${version}: certificates`, async (t) => {
    for (const { name, reason, error, shows, subject } of certificates) {
      const record = await refuse({ minVersion: version, maxVersion: version, ...shows, ciphers: 'DEFAULT:@SECLEVEL=0' })
      t.match(record, { verdict: 'refused', reason, status: 0, source: '127.0.0.1', facts: { error } }, name)
      if (subject !== undefined) t.match(JSON.stringify(record['certificate']), subject, `${name}: the certificate is named`)
      t.equal(receiver.seen.length, 0, `${name}: the receiver saw nothing`)
    }
  })
}

void t.test('negotiations', async (t) => {
  for (const { name, reason, error, options } of negotiations) {
    t.match(await refuse({ ...of(await ca.client()), ...options }), { verdict: 'refused', reason, status: 0, source: '127.0.0.1', facts: { error } }, name)
    t.equal(receiver.seen.length, 0, `${name}: the receiver saw nothing`)
  }
})

/** Node's own client hangs up where it does not trust us; OpenSSL's says so. */
async function distrust(port: number, version: string): Promise<void> {
  const file = join(gateway.directory, 'stranger.pem')
  writeFileSync(file, stranger.certificate)
  const client = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'localhost', version, '-CAfile', file, '-no-CApath', '-no-CAstore', '-verify_return_error'], { stdio: 'ignore' })
  await once(client, 'exit')
}

void t.test('no TLS, and half of it', async (t) => {
  const rows: [string, (port: number) => Promise<unknown>, RegExp][] = [
    ['plain HTTP', async (port) => await (await rawTcp(port)).send('POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}').ended(), /HTTP_REQUEST/],
    ['a hello, and gone', async (port) => {
      const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false }).on('error', () => undefined)
      socket.once('keylog', () => socket.destroy())
      await new Promise((done) => socket.once('close', done))
    }, /ECONNRESET|EPIPE|ERR_SSL/],
    ['a sender that does not trust us, TLS 1.2', (port) => distrust(port, '-tls1_2'), /ALERT_UNKNOWN_CA/], ['a sender that does not trust us, TLS 1.3', (port) => distrust(port, '-tls1_3'), /ALERT_UNKNOWN_CA/],
  ]
  for (const [name, attempt, error] of rows) {
    await attempt(gateway.port)
    t.match((await gateway.audit(++records))[records - 1], { verdict: 'refused', reason: 'handshake-failed', status: 0, source: '127.0.0.1', facts: { error } }, name)
    t.equal(receiver.seen.length, 0, `${name}: the receiver saw nothing`)
  }
})

void t.test('and an honest sender gets in', async (t) => {
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate, ...of(await intermediate.client()) })
  t.equal((await client.send('POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}').response()).status, 200)
  client.close()
  t.match((await gateway.audit(++records))[records - 1], { verdict: 'accepted' })
  t.equal(receiver.seen.length, 1)
})
