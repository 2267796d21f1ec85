import { createHash } from 'node:crypto'
import t from 'tap'
import { auditLine } from '../../src/audit/record.ts'
import type { PeerCertificate } from '../../src/core/delivery.ts'
import { startGateway } from '../support/gateway.ts'
import { makeCa } from '../support/pki.ts'
import { rawTcp, rawTls, valueOf } from '../support/raw.ts'
import { post } from '../support/operated.ts'
import { answer, startReceiver } from '../support/receiver.ts'

/** One record a decision, whatever the decision is and wherever it falls. */

const everyField = { time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, id: /^[A-Za-z0-9_-]{22}$/, verdict: /^(accepted|refused)$/, status: Number, bytes: Number, ms: { checks: Number, store: Number, receiver: Number } }

void t.test('a delivery: who, where, what, why, how much, how long', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const routes = [
    { name: 'partner', certificate: { san: ['dns:sender.example'] }, forward: { to: 'target' } },
    { name: 'token', match: { path: '/token' }, basic: { users: { alice: 'env:SECRET' } } },
  ]
  const { port, pki, sender, audit } = await startGateway(t, { receiver: receiver.port, routes })
  const client = await rawTls(port, { ca: pki.ca.certificate, cert: sender.chain, key: sender.key })
  t.teardown(() => client.close())
  const accepted = await client.send(post('/hook', 'twelve bytes')).response()
  receiver.script = answer('HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n')
  await client.send(post('/hook')).response()
  await client.send(post('/token')).response()
  await client.send(post('/nowhere')).response()
  await client.send('BREW / HTTP/1.1\r\n\r\n').response()
  const records = await audit(5)
  t.equal(records.length, 5)
  for (const record of records) t.match(record, { ...everyField, source: '127.0.0.1' })
  const certificate = { subject: 'CN=sender', san: ['dns:sender.example'], sha256: createHash('sha256').update(sender.der).digest('hex') }
  t.match(records, [
    { id: valueOf(accepted.headers, 'sallyport-delivery'), route: 'partner', certificate, verdict: 'accepted', status: 200, bytes: 12 },
    { route: 'partner', certificate, status: 500, bytes: 5 },
    { route: 'token', verdict: 'refused', reason: 'credentials-missing', status: 401, bytes: 0 },
    { verdict: 'refused', reason: 'no-route', status: 404 },
    { verdict: 'refused', reason: 'malformed-request', status: 400 },
  ])
})

void t.test('what cannot be written is left out, and the record is written', (t) => {
  const decided = {
    at: 0, id: 'one', route: 'hook', from: undefined, verdict: 'refused', reason: 'certificate-untrusted', status: 403, bytes: 0,
    spent: { checks: 0, store: 0, receiver: 0 }, key: undefined, nonce: undefined, facts: { error: 'X' },
  } as const
  const certificate = { subject: [], get names(): never { throw new Error('unreadable') }, fingerprint: 'ab' } as unknown as PeerCertificate
  t.match(JSON.parse(auditLine({ ...decided, certificate })), { id: 'one', reason: 'certificate-untrusted', facts: { unwritten: 'unreadable' }, certificate: undefined })
  t.match(JSON.parse(auditLine({ ...decided, certificate: undefined, facts: { length: 1n as unknown as number } })), { id: 'one', status: 403, facts: { unwritten: /BigInt/ } })
  t.end()
})

void t.test('a handshake that fails is a decision', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { port, pki, audit } = await startGateway(t, { receiver: receiver.port, routes: [{ certificate: {} }], clientCertificate: { mode: 'require' } })
  const stranger = await (await makeCa()).client()
  for (const shown of [{}, { cert: stranger.chain, key: stranger.key }]) {
    const client = await rawTls(port, { ca: pki.ca.certificate, ...shown, maxVersion: 'TLSv1.3' })
    await client.ended()
  }
  const plain = await rawTcp(port)
  await plain.send('GET / HTTP/1.1\r\n\r\n').ended()
  const records = await audit(3)
  t.equal(records.length, 3)
  for (const record of records) t.match(record, { ...everyField, source: '127.0.0.1', verdict: 'refused', status: 0, bytes: 0 })
  t.match(records.map(({ reason }) => reason), ['certificate-missing', 'certificate-untrusted', 'handshake-failed'])
  t.match(records.map(({ facts }) => facts), [{ host: 'localhost', error: String }, { host: 'localhost', error: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }, { error: /^ERR_SSL_/ }], 'what name was called, and OpenSSL’s word')
  t.match(records[1], { certificate: { subject: 'CN=sender', san: ['dns:sender.example'], sha256: /^[0-9a-f]{64}$/ } }, 'whose certificate it was')
  t.equal(receiver.seen.length, 0)
})

void t.test('TLS 1.2: a certificate that is refused in the handshake is named, too, and a good one serves on', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { port, pki, audit } = await startGateway(t, { receiver: receiver.port, routes: [{ certificate: { ca: ['ca.pem'] } }], clientCertificate: { mode: 'require' } })
  const [stranger, below] = [await (await makeCa()).client({ cn: 'stranger' }), await pki.intermediate.client()]
  const versions = { maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' } as const
  const refused = await rawTls(port, { ca: pki.ca.certificate, cert: stranger.chain, key: stranger.key, ...versions }).catch(() => undefined)
  await refused?.ended()
  const good = await rawTls(port, { ca: pki.ca.certificate, cert: below.chain, key: below.key, ...versions })
  t.equal((await good.send('POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n').response()).status, 200, 'with all that it sent behind it')
  good.close()
  t.match(await audit(2), [{ reason: 'certificate-untrusted', certificate: { subject: 'CN=stranger' }, facts: { host: 'localhost' } }, { verdict: 'accepted' }])
  t.equal(receiver.seen.length, 1)
})

void t.test('an address that is dropped before TLS is a decision', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { port, audit } = await startGateway(t, { receiver: receiver.port, routes: [{ from: ['203.0.113.0/24'] }] })
  const client = await rawTcp(port)
  const { rest } = await client.ended()
  t.equal(rest.length, 0, 'not a byte is answered')
  const records = await audit(1)
  t.match(records, [{ ...everyField, source: '127.0.0.1', verdict: 'refused', reason: 'source-not-allowed', status: 0 }])
  t.equal(records.length, 1)
})
