import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { certificateFromPem } from '../../src/certificates/certificate.ts'
import { fingerprintOf } from '../../src/certificates/chain.ts'
import { certificate } from '../../src/checks/certificate.ts'
import type { PeerCertificate } from '../../src/core/delivery.ts'
import { ask, questionsOf, toolsFor, verdictOf } from '../support/checks.ts'
import { StillClock } from '../support/clock.ts'
import { makeCa, type Ca, type Identity, type IdentityOptions } from '../support/pki.ts'

const start = Date.UTC(2026, 0, 1)
const always = { notBefore: start - 1000, notAfter: start + 1000 }
const ca = await makeCa(always)
const partner = await ca.below({ ...always, name: 'Partner' })
const neighbour = await makeCa(always)
const parse = (pem: string) => new X509Certificate(pem)
const known = [ca, neighbour].map(({ certificate: pem }) => parse(pem))

const read = (one: Identity, trust: PeerCertificate['trust'] = 'trusted') => certificateFromPem(one.chain, trust, { authorities: known, lists: [] }, () => start)
const client = async (options: IdentityOptions = {}, by: Ca = ca) => read(await by.client({ ...always, ...options }))
const files: Record<string, string> = {
  'root.pem': ca.certificate, 'partner.pem': partner.certificate, 'neighbour.pem': neighbour.certificate,
  'both.pem': ca.certificate + neighbour.certificate, 'empty.pem': '',
}
const questions = (written: unknown, clock = new StillClock(start)) =>
  questionsOf('certificate', written, toolsFor({ clock, file: (name) => files[name] }))

const plain = await client()
const print = plain.fingerprint
const keyPrint = plain.keyFingerprint
const other = '0'.repeat(64)

t.test('what is asked and what is shown', async (t) => {
  const rows: [string, unknown, PeerCertificate | undefined, string][] = [
    ['any trusted one', {}, plain, 'pass'],
    ['none', {}, undefined, 'certificate-missing'],
    ['none, optional', { optional: true }, undefined, 'pass'],
    ['a good one, optional', { optional: true, san: 'dns:sender.example' }, plain, 'pass'],
    ['a bad one, optional', { optional: true }, read(await neighbour.client(always), { error: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), 'certificate-untrusted'],
    ['another\'s, optional', { optional: true, san: 'dns:other.example' }, plain, 'certificate-not-allowed'],
    ['name', { san: ['dns:other.example', 'dns:sender.example'] }, plain, 'pass'],
    ['name, one text', { san: 'dns:sender.example' }, plain, 'pass'],
    ['name of another type', { san: ['uri:https://sender.example', 'email:sender@example'] }, plain, 'certificate-not-allowed'],
    ['CN is no SAN', { san: ['dns:sender'] }, plain, 'certificate-not-allowed'],
    ['no names at all', { san: ['dns:sender.example'] }, await client({ names: [] }), 'certificate-not-allowed'],
    ['SPIFFE path', { san: 'uri:spiffe://partner/hooks/*' }, await client({ names: ['uri:spiffe://partner/hooks/a'] }), 'pass'],
    ['SPIFFE trust domain', { san: 'uri:spiffe://partner/*' }, await client({ names: ['uri:spiffe://partner.evil/a'] }), 'certificate-not-allowed'],
    ['CN', { subject: { CN: 'sender' } }, plain, 'pass'],
    ['CN, one of several', { subject: { CN: ['x', 'sender'] } }, plain, 'pass'],
    ['another CN', { subject: { CN: 'Sender' } }, plain, 'certificate-not-allowed'],
    ['CN and O', { subject: { CN: 'a', O: 'b' } }, await client({ subject: { CN: 'a', O: 'b' } }), 'pass'],
    ['CN right, O missing', { subject: { CN: 'sender', O: 'b' } }, plain, 'certificate-not-allowed'],
    ['CN inside O', { subject: { CN: 'sender' } }, await client({ subject: { O: 'x, CN=sender', CN: 'y' } }), 'certificate-not-allowed'],
    ['CN with NUL', { subject: { CN: 'sender' } }, await client({ subject: { CN: 'sender\0x' } }), 'certificate-not-allowed'],
    ['fingerprint', { fingerprint: `sha256:${print}` }, plain, 'pass'],
    ['fingerprint as OpenSSL prints it', { fingerprint: `sha256:${print.toUpperCase().match(/../g)?.join(':')}` }, plain, 'pass'],
    ['fingerprint of the key', { fingerprint: [`sha256:${other}`, `spki-sha256:${keyPrint}`] }, plain, 'pass'],
    ['the two are not mixed up', { fingerprint: [`sha256:${keyPrint}`, `spki-sha256:${print}`] }, plain, 'certificate-not-allowed'],
    ['clientAuth', { extendedKeyUsage: 'clientAuth' }, plain, 'pass'],
    ['clientAuth, nothing said', { extendedKeyUsage: 'clientAuth' }, await client({ usages: [] }), 'certificate-not-allowed'],
    ['clientAuth, any usage said', { extendedKeyUsage: 'clientAuth' }, await client({ usages: ['2.5.29.37.0'] }), 'certificate-not-allowed'],
    ['nothing said, none demanded', {}, await client({ usages: [] }), 'pass'],
    ['the route\'s CA', { ca: ['root.pem'] }, plain, 'pass'],
    ['the neighbour\'s CA', { ca: ['neighbour.pem'] }, plain, 'certificate-untrusted'],
    ['both CAs', { ca: ['both.pem'] }, plain, 'pass'],
    ['below an intermediate, its root', { ca: ['root.pem'] }, await client({}, partner), 'pass'],
    ['below an intermediate, the intermediate', { ca: 'partner.pem' }, await client({}, partner), 'pass'],
    ['beside the intermediate', { ca: 'partner.pem' }, plain, 'certificate-untrusted'],
    ['denied by serial number', { deny: `serial:${plain.serial}` }, plain, 'certificate-not-allowed'],
    ['denied by serial number as OpenSSL prints it', { deny: [`serial:00${plain.serial.toUpperCase()}`] }, plain, 'certificate-not-allowed'],
    ['denied by fingerprint', { deny: [`sha256:${other}`, `sha256:${print}`], san: 'dns:sender.example' }, plain, 'certificate-not-allowed'],
    ['denied by key', { deny: `spki-sha256:${keyPrint}` }, plain, 'certificate-not-allowed'],
    ['another is denied', { deny: [`serial:${plain.serial}0`, `sha256:${keyPrint}`] }, plain, 'pass'],
    ['by the root itself', { depth: 0 }, plain, 'pass'],
    ['one between', { depth: 0 }, await client({}, partner), 'certificate-not-allowed'],
    ['one between, one allowed', { depth: 1 }, await client({}, partner), 'pass'],
    ['all fields must fit', { san: 'dns:sender.example', subject: { CN: 'x' } }, plain, 'certificate-not-allowed'],
  ]
  for (const [name, written, shown, verdict] of rows) {
    t.equal(await verdictOf(questions(written), { ...shown === undefined ? {} : { certificate: shown } }), verdict, name)
  }
})

t.test('OpenSSL\'s word becomes a reason', async (t) => {
  const rows: [string, string][] = [
    ['CERT_HAS_EXPIRED', 'certificate-expired'], ['CERT_NOT_YET_VALID', 'certificate-expired'], ['CERT_REVOKED', 'certificate-revoked'],
    ['UNABLE_TO_GET_CRL', 'revocation-unknown'], ['CRL_HAS_EXPIRED', 'revocation-unknown'], ['CRL_SIGNATURE_FAILURE', 'revocation-unknown'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'certificate-untrusted'], ['UNSPECIFIED', 'certificate-untrusted'], ['', 'certificate-untrusted'],
    ['constructor', 'certificate-untrusted'], ['INVALID_PURPOSE', 'certificate-untrusted'],
  ]
  const sender = await ca.client(always)
  for (const [error, reason] of rows) t.equal(await verdictOf(questions({}), { certificate: read(sender, { error }) }), reason, error)
})

t.test('a certificate expires under an open connection', async (t) => {
  const clock = new StillClock(start)
  const asked = questions({}, clock)
  t.equal(await verdictOf(asked, { certificate: plain }), 'pass')
  clock.advance(1000)
  t.equal(await verdictOf(asked, { certificate: plain }), 'pass', 'the last moment')
  clock.advance(1)
  t.equal(await verdictOf(asked, { certificate: plain }), 'certificate-expired')
  t.equal(await verdictOf(questions({}, new StillClock(start - 1001)), { certificate: plain }), 'certificate-expired', 'not yet')
  const broken = { ...plain, trust: 'trusted', notBefore: Number.NaN, notAfter: Number.NaN, fingerprint: '', serial: '', subject: [] } as unknown as PeerCertificate
  t.equal(await verdictOf(asked, { certificate: broken }), 'certificate-expired', 'times that cannot be read')
})

t.test('what stands in the record', async (t) => {
  const { refusal } = await ask(questions({ san: 'dns:other.example' }), { certificate: plain })
  t.match(refusal, { status: 403, facts: { demand: 'san', wanted: ['dns:other.example'], found: ['dns:sender.example'], fingerprint: print, subject: ['CN=sender'] } })
})

t.test('mistakes of the operator', async (t) => {
  const rows: [unknown, RegExp, (string | number)[]][] = [
    [{ san: [] }, /./, ['san']], [{ san: ['dns:a', 'sender.example'] }, /no name of a certificate/, ['san', 1]], [{ san: 'dns:*' }, /no name/, ['san']],
    [{ fingerprint: 'sha256:abc' }, /no fingerprint/, ['fingerprint']], [{ fingerprint: 'sha1:00' }, /no fingerprint/, ['fingerprint']],
    [{ subject: { cn: 'x' } }, /./, ['subject', 'cn']], [{ subject: { CN: '' } }, /no value/, ['subject', 'CN']],
    [{ extendedKeyUsage: 'serverAuth' }, /./, ['extendedKeyUsage']], [{ optional: 'yes' }, /./, ['optional']], [{ sna: [] }, /./, []], [{ ca: [] }, /./, ['ca']], [{ deny: 'abc' }, /no serial/, ['deny']], [{ depth: -1 }, /./, ['depth']],
  ]
  for (const [written, message, path] of rows) {
    const { error } = certificate.schema.safeParse(written)
    t.match(error?.issues[0]?.message, message, JSON.stringify(written))
    t.same(error?.issues[0]?.path, path, JSON.stringify(written))
  }
  for (const file of ['empty.pem', 'missing.pem']) {
    const tools = toolsFor({ file: (name, path) => files[name] ?? void tools.problem(path, 'cannot be read', 'write another') })
    const asked = certificate.compile(certificate.schema.parse({ ca: [file] }), tools)
    t.match(tools.told, [{ path: ['ca', 0] }], file)
    t.equal(tools.told.length, 1)
    t.ok(asked.length)
  }
  t.equal(fingerprintOf(parse(ca.certificate)).length, 64)
})
