import { createHash, X509Certificate } from 'node:crypto'
import t from 'tap'
import { makeKeys, writePrivateKey, type Keys } from '../../src/pki/keys.ts'
import { startGateway } from '../support/gateway.ts'
import { oddCertificate, usual } from '../support/odd.ts'
import { makeCa, type Identity } from '../support/pki.ts'
import { rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/** One field of `certificate:` a row, asked of a real certificate over the wire; names have a test of their own (names-of-certificates-mean-one-thing). */
interface Shown { readonly cert: string; readonly key: string }
type Row = [name: string, asked: Record<string, unknown>, shown: Shown | undefined, said: string, demand?: string]

const yes = 'accepted'
const no = 'certificate-not-allowed'
const of = (one: Identity): Shown => ({ cert: one.chain, key: one.key })
const hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const print = ({ cert }: Shown): string => hex(new X509Certificate(cert).raw)
const keyPrint = ({ cert }: Shown): string => hex(new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' }))
const serial = ({ cert }: Shown): string => new X509Certificate(cert).serialNumber
const colons = (digits: string): string => digits.match(/../g)?.join(':') ?? ''

t.test('every field, met and not met', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [{ certificate: {} }] })
  const { ca, intermediate } = gateway.pki
  const keys = await makeKeys('ec')
  const odd = async (subject: string, own: Keys = keys): Promise<Shown> => ({ cert: await oddCertificate({ subject, keys: own, by: ca.authority, extensions: usual.leaf() }), key: await writePrivateKey(own.privateKey) })
  const [one, other, below, silent] = [of(await ca.client()), of(await ca.client()), of(await intermediate.client()), of(await ca.client({ usages: [] }))]
  const lower = of(await (await intermediate.below()).client())
  const [first, renewed, twice] = [await odd('CN=renewed'), await odd('CN=renewed'), await odd('CN=sender, CN=sender')]
  const zeros = '0'.repeat(64)
  const stranger = of(await (await makeCa()).client())

  const rows: readonly Row[] = [
    ['nothing but a certificate', {}, one, yes],
    ['none shown', {}, undefined, 'certificate-missing'],
    ['an authority that nobody trusts', {}, stranger, 'certificate-untrusted'],
    // parts of the subject
    ['CN', { subject: { CN: 'sender' } }, one, yes],
    ['CN, one of several', { subject: { CN: ['other', 'sender'] } }, one, yes],
    ['another CN', { subject: { CN: 'other' } }, one, no, 'subject'],
    ['CN in other letters', { subject: { CN: 'Sender' } }, one, no, 'subject'],
    ['a beginning of the CN', { subject: { CN: 'send' } }, one, no, 'subject'],
    ['CN twice', { subject: { CN: 'sender' } }, twice, no, 'subject'],
    ['CN written into O', { subject: { CN: 'sender' } }, of(await ca.client({ subject: { O: 'x, CN=sender', CN: 'y' } })), no, 'subject'],
    ['CN behind a line break in O', { subject: { CN: 'sender' } }, of(await ca.client({ subject: { O: 'x\nCN=sender', CN: 'y' } })), no, 'subject'],
    ['CN with NUL behind it', { subject: { CN: 'sender' } }, of(await ca.client({ cn: 'sender\0.evil' })), no, 'subject'],
    ['a DNS name is no CN', { subject: { CN: 'sender.example' } }, one, no, 'subject'],
    ['no subject at all', { subject: { CN: 'sender' } }, await odd(''), no, 'subject'],
    ['CN, O and OU', { subject: { CN: 'a', O: 'Partner, Inc.', OU: ['hooks', 'mail'] } }, await odd('CN=a, O="Partner, Inc.", OU=hooks'), yes],
    ['CN and another O', { subject: { CN: 'a', O: 'Partner' } }, await odd('CN=a, O=Partner Ltd'), no, 'subject'],
    ['serialNumber', { subject: { serialNumber: '42' } }, await odd('CN=a, 2.5.4.5=42'), yes],
    // pins
    ['its fingerprint', { fingerprint: `sha256:${print(one)}` }, one, yes],
    ['as OpenSSL prints it', { fingerprint: `sha256:${colons(print(one).toUpperCase())}` }, one, yes],
    ['another’s fingerprint', { fingerprint: `sha256:${print(one)}` }, other, no, 'fingerprint'],
    ['its key’s', { fingerprint: [`sha256:${zeros}`, `spki-sha256:${keyPrint(one)}`] }, one, yes],
    ['the two mixed up', { fingerprint: [`sha256:${keyPrint(one)}`, `spki-sha256:${print(one)}`] }, one, no, 'fingerprint'],
    ['renewed with the same key, the key is pinned', { fingerprint: `spki-sha256:${keyPrint(first)}` }, renewed, yes],
    ['renewed with the same key, the certificate is pinned', { fingerprint: `sha256:${print(first)}` }, renewed, no, 'fingerprint'],
    ['an authority’s fingerprint is not the sender’s', { fingerprint: `sha256:${hex(new X509Certificate(ca.certificate).raw)}` }, one, no, 'fingerprint'],
    // usage
    ['for clients', { extendedKeyUsage: 'clientAuth' }, one, yes],
    ['nothing said', { extendedKeyUsage: 'clientAuth' }, silent, no, 'extendedKeyUsage'],
    ['nothing said, nothing demanded', {}, silent, yes],
    // depth
    ['by the root itself', { depth: 0 }, one, yes],
    ['one between, none allowed', { depth: 0 }, below, no, 'depth'],
    ['one between, one allowed', { depth: 1 }, below, yes],
    ['two between, one allowed', { depth: 1 }, lower, no, 'depth'],
    ['two between, two allowed', { depth: 2 }, lower, yes],
    // deny
    ['by serial number', { deny: `serial:${serial(one)}` }, one, no, 'deny'],
    ['by serial number, in small letters, with colons and zeros', { deny: [`serial:00:${colons(serial(one).toLowerCase())}`] }, one, no, 'deny'],
    ['by fingerprint', { deny: `sha256:${print(one)}` }, one, no, 'deny'],
    ['by key, renewed', { deny: `spki-sha256:${keyPrint(first)}` }, renewed, no, 'deny'],
    ['before what would let it in', { deny: `sha256:${print(one)}`, fingerprint: `sha256:${print(one)}`, optional: true }, one, no, 'deny'],
    ['another is denied', { deny: [`serial:${serial(other)}`, `sha256:${print(other)}`, `spki-sha256:${keyPrint(other)}`] }, one, yes],
    // together, and optional
    ['two fields, one of them met', { subject: { CN: 'sender' }, fingerprint: `sha256:${print(other)}` }, one, no, 'fingerprint'],
    ['optional, none shown', { optional: true }, undefined, yes],
    ['optional, a bad one shown', { optional: true }, stranger, 'certificate-untrusted'],
    ['optional, another’s shown', { optional: true, subject: { CN: 'other' } }, one, no, 'subject'],
  ]

  gateway.write({ ...gateway.settings, routes: rows.map(([, certificate], at) => ({ name: `row-${at}`, match: { path: `/row-${at}` }, forward: { to: 'target' }, certificate, ...certificate['optional'] === true && { open: true } })) })
  t.equal(await gateway.gateway.reload(), 'taken')
  for (const [at, [name, , shown, expected, demand]] of rows.entries()) {
    const seen = receiver.seen.length
    const client = await rawTls(gateway.port, { ca: ca.certificate, servername: 'localhost', ...shown })
    const { status, body } = await client.send(`POST /row-${at} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}`).response()
    client.close()
    t.equal(status === 200 ? yes : (JSON.parse(body.toString()) as { reason: string }).reason, expected, name)
    t.equal(receiver.seen.length, expected === yes ? seen + 1 : seen, `${name}: what the receiver saw`)
    const record = (await gateway.audit(at + 1))[at]
    if (demand !== undefined) t.match(record, { reason: no, facts: { demand } }, `${name}: the record says which field`)
  }
})
