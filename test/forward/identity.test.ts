import { createHash, X509Certificate } from 'node:crypto'
import { parseList, parseItem } from 'structured-headers'
import fc from 'fast-check'
import t from 'tap'
import { certificateFromPem } from '../../src/certificates/certificate.ts'
import type { PeerCertificate, SubjectName } from '../../src/core/delivery.ts'
import { certificateLines } from '../../src/forward/identity.ts'
import { makeCa } from '../support/pki.ts'

const root = await makeCa()
const upper = await root.below()
const lower = await upper.below()
const parse = (pem: string) => new X509Certificate(pem)
const vouchers = { authorities: [parse(root.certificate)], lists: [] }
const sender = await lower.client({ subject: { CN: 'sender', O: 'Partner, Inc.' }, names: ['dns:a.example', 'uri:spiffe://partner/a;b', 'dns:b.example', 'email:x@y.example'] })
const certificate = certificateFromPem(sender.chain + upper.certificate + root.certificate, 'trusted', vouchers, Date.now)
const all = ['Client-Cert', 'Client-Cert-Chain', 'X-Forwarded-Client-Cert'] as const
const value = (header: (typeof all)[number], of = certificate): string => certificateLines(of, [header])[1] ?? ''
const bytes = (buffer: unknown): string => Buffer.from(buffer as ArrayBuffer).toString('hex')

/** Envoy's grammar, read by its documentation: pairs by `;`, values quoted or not, `\"` inside quotes. */
function readForwarded(text: string): [string, string][] {
  const pairs: [string, string][] = []
  let rest = text
  while (rest !== '') {
    const found = /^([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;=]*))(?:;|$)/.exec(rest)
    if (found === null) throw new Error(`no pair: ${rest}`)
    pairs.push([found[1] as string, found[2] ?? found[3] ?? ''])
    rest = rest.slice(found[0].length)
  }
  return pairs
}

t.test('RFC 9440, read by a library of structured fields', async (t) => {
  t.equal(bytes(parseItem(value('Client-Cert'))[0]), sender.der.toString('hex'))
  const above = parseList(value('Client-Cert-Chain')).map(([one]) => bytes(one))
  t.same(above, [lower, upper].map((ca) => parse(ca.certificate).raw.toString('hex')), 'without leaf and root, nearest first')
  const direct = certificateFromPem((await root.client()).chain, 'trusted', vouchers, Date.now)
  t.same(certificateLines(direct, all).filter((_, at) => at % 2 === 0), ['Client-Cert', 'X-Forwarded-Client-Cert'], 'an empty list is no header')
})

t.test('as Envoy writes it', async (t) => {
  const pairs = readForwarded(value('X-Forwarded-Client-Cert', { ...describe(certificate), shownTo: ['spiffe://gateway/a', 'spiffe://gateway/"'] }))
  t.same(pairs.map(([key]) => key), ['By', 'Hash', 'Cert', 'Chain', 'Subject', 'URI', 'DNS', 'DNS'])
  const of = (key: string) => pairs.filter(([name]) => name === key).map(([, one]) => one)
  t.same(of('By'), ['spiffe://gateway/a'])
  t.same(of('Hash'), [createHash('sha256').update(sender.der).digest('hex')])
  t.equal(parse(decodeURIComponent(of('Cert')[0] ?? '')).fingerprint256, parse(sender.certificate).fingerprint256)
  t.match(of('Cert')[0], /^-----BEGIN%20CERTIFICATE-----%0A[A-Za-z0-9%]+%0A-----END%20CERTIFICATE-----%0A$/)
  const chain = decodeURIComponent(of('Chain')[0] ?? '').split(/(?<=-----END CERTIFICATE-----\n)/)
  t.same(chain.map((pem) => parse(pem).fingerprint256), [sender, lower, upper].map((one) => parse(one.certificate).fingerprint256))
  t.ok(decodeURIComponent(of('Cert')[0] ?? '').split('\n').every((line) => line.length <= 64))
  t.same(of('Subject'), ['O=Partner\\, Inc.,CN=sender'])
  t.same(of('URI'), ['spiffe://partner/a;b'])
  t.same(of('DNS'), ['a.example', 'b.example'])
})

t.test('no subject and no name breaks out of its place', async (t) => {
  const rows: [string, string][] = [
    ['x', 'CN=x'], ['x";URI=spiffe://admin', 'CN=x\\22\\;URI=spiffe://admin'], ['x\\', 'CN=x\\5C'], ['\\";Hash=0', 'CN=\\5C\\22\\;Hash=0'],
    ['a\r\nX: y', 'CN=a\\0D\\0AX: y'], [' # ', 'CN=\\20#\\20'], ['#x', 'CN=\\23x'], ['ü', 'CN=\\C3\\BC'], ['a+b<c>', 'CN=a\\+b\\<c\\>'], ['\0', 'CN=\\00'],
  ]
  for (const [cn, written] of rows) t.same(readForwarded(forwarded([{ type: 'CN', value: cn }], [])).filter(([key]) => key === 'Subject'), [['Subject', written]], cn)
  const names: SubjectName[] = ['a"b', 'a\\', 'a,b', 'a=b'].map((one) => ({ type: 'dns', value: one }))
  t.same(readForwarded(forwarded([], names)).filter(([key]) => key === 'DNS'), [['DNS', 'a,b'], ['DNS', 'a=b']])
  fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom('CN', 'O'), fc.string({ unit: 'binary' }))), fc.array(fc.stringMatching(/^[\x21-\x7e]{1,12}$/)), (parts, uris) => {
    const text = forwarded(parts.map(([type, one]) => ({ type, value: one })), uris.map((one) => ({ type: 'uri', value: one })))
    const keys = readForwarded(text).map(([key]) => key)
    return /^[\x20-\x7e]*$/.test(text) && keys.slice(0, 4).join() === 'Hash,Cert,Chain,Subject' && keys.slice(4).every((key) => key === 'URI')
  }), { numRuns: 2_000 })
})

t.test('encoded once for a connection, and anew where a reload changed what stands above', async (t) => {
  let asked = 0
  let intermediates = [parse(lower.certificate).raw]
  const shown = { ...describe(certificate), get der() { asked++; return sender.der }, get intermediates() { return intermediates } }
  const before = certificateLines(shown, all)
  const once = asked
  t.same(certificateLines(shown, all), before)
  t.equal(asked, once + 1, 'the leaf is looked up')
  intermediates = [parse(upper.certificate).raw]
  t.not(certificateLines(shown, all)[3], before[3])
  t.equal(asked, once + 3, 'looked up, and written into the one form that tells what stands above it')
})

function forwarded(subject: PeerCertificate['subject'], names: readonly SubjectName[]): string {
  return value('X-Forwarded-Client-Cert', { ...describe(certificate), subject, names })
}

/** Its fields as plain values, so that a test can put others in their place. */
function describe(one: PeerCertificate): PeerCertificate {
  const { der, issuers, intermediates, shownTo, trust, subject, issuer, names, fingerprint, keyFingerprint, serial, notBefore, notAfter, extendedKeyUsage } = one
  return { der, issuers, intermediates, shownTo, trust, subject, issuer, names, fingerprint, keyFingerprint, serial, notBefore, notAfter, extendedKeyUsage, links: [], ocsp: undefined, vouchedBy: () => true }
}
