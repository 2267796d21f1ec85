import fc from 'fast-check'
import t from 'tap'
import { certificateFromPem } from '../../src/certificates/certificate.ts'
import { parseCertificateTime, parseDistinguishedName, parseSubjectNames } from '../../src/certificates/text.ts'
import { makeCa, type IdentityOptions } from '../support/pki.ts'

const ca = await makeCa()

async function read(options: IdentityOptions) {
  return certificateFromPem((await ca.client(options)).certificate, 'trusted', { authorities: [], lists: [] }, Date.now)
}

t.test('names come out typed, as they are in the certificate', async (t) => {
  const { names } = await read({ names: ['dns:A.example', 'uri:spiffe://a/b', 'email:x@y.example', 'ip:192.0.2.1', 'ip:2001:db8::1'] })
  t.same(names, [
    { type: 'dns', value: 'A.example' }, { type: 'uri', value: 'spiffe://a/b' }, { type: 'email', value: 'x@y.example' },
    { type: 'ip', value: '192.0.2.1' }, { type: 'ip', value: '2001:db8::1' },
  ])
  t.same((await read({ names: [] })).names, [])
})

t.test('a name cannot bring a second one along', async (t) => {
  const rows: [string, IdentityOptions['names'], { type: string; value?: string }[]][] = [
    ['comma in a URI', [{ type: 'url', value: 'http://a/, DNS:good.example' }], [{ type: 'other' }]],
    ['comma without blank in a URI', [{ type: 'url', value: 'http://a/,DNS:good.example' }], [{ type: 'uri', value: 'http://a/,DNS:good.example' }]],
    ['quote in a URI', [{ type: 'url', value: 'http://a/", DNS:good.example, URI:"' }], [{ type: 'other' }]],
    ['quote alone', [{ type: 'url', value: 'http://a/"b' }], [{ type: 'uri', value: 'http://a/"b' }]],
    ['backslash', [{ type: 'url', value: 'http://a/\\u002c' }], [{ type: 'uri', value: 'http://a/\\u002c' }]],
    ['NUL in a DNS name', [{ type: 'dns', value: 'good.example\0.evil.example' }], [{ type: 'other' }]],
    ['line break in a DNS name', [{ type: 'dns', value: 'good.example\nDNS:b.example' }], [{ type: 'other' }]],
    ['comma in an e-mail', [{ type: 'email', value: 'a@b,DNS:c' }], [{ type: 'email', value: 'a@b,DNS:c' }]],
    ['directory name', [{ type: 'dn', value: 'CN=DNS:good.example' }], [{ type: 'other' }]],
    ['registered id', [{ type: 'id', value: '1.2.3.4' }], [{ type: 'other' }]],
    ['user principal name', [{ type: 'upn', value: 'a@b.example' }], [{ type: 'other' }]],
    ['a mail address is no DNS name', [{ type: 'email', value: 'good.example' }], [{ type: 'email', value: 'good.example' }]],
    ['empty', [{ type: 'dns', value: '' }], [{ type: 'other' }]],
  ]
  for (const [name, names, expected] of rows) {
    const found = (await read({ names: names ?? [] })).names
    t.match(found, expected, name)
    t.equal(found.length, expected.length, `${name}: one name`)
  }
})

t.test('text that is not of the form is of type other, and never throws', (t) => {
  for (const text of ['DNS:"a', 'DNS:a"b', 'DNS:"a"b', 'dns:a', 'DNS: a', 'DNS:a,b', 'XYZ', 'DNS:', 'DNS:"\\x"', 'DNS:1"2', 'DNS:"7']) {
    t.same(parseSubjectNames(text).map(({ type }) => type), ['other'], text)
  }
  fc.assert(fc.property(fc.string(), (text) => { parseSubjectNames(text); parseDistinguishedName(text); parseCertificateTime(text) }))
  t.end()
})

t.test('subject parts survive everything that could be mistaken', async (t) => {
  const values = ['a, O=Evil', 'a + O=Evil', 'a\nO=Evil', 'a\\', '#41', ' a ', '"a"', 'a\0b', 'ü', 'a;b<c>d', '\\0A', '=', 'O=', '\u{1F600}']
  for (const CN of values) {
    const { subject } = await read({ subject: { CN, O: 'Good' } })
    t.same(subject, [{ type: 'CN', value: CN }, { type: 'O', value: 'Good' }], JSON.stringify(CN))
  }
  const sane = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
  await fc.assert(fc.asyncProperty(sane, async (CN) => {
    const { subject } = await read({ subject: { CN } })
    return subject.length === 1 && subject[0]?.value === CN
  }), { numRuns: 100 })
})

t.test('times', (t) => {
  const rows: [string, number][] = [
    ['Nov 23 20:02:55 2026 GMT', Date.UTC(2026, 10, 23, 20, 2, 55)], ['Jan  1 00:00:00 1970 GMT', 0],
    ['Dec 31 23:59:59 9999 GMT', Date.UTC(9999, 11, 31, 23, 59, 59)], ['Jan  1 00:00:00 50 GMT', new Date(0).setUTCFullYear(50, 0, 1)],
    ['Bad time value', Number.NaN], ['', Number.NaN], ['Foo 23 20:02:55 2026 GMT', Number.NaN], ['Nov 23 20:02:55 2026', Number.NaN],
  ]
  for (const [text, expected] of rows) t.same(parseCertificateTime(text), expected, text)
  t.end()
})

t.test('the rest of a certificate', async (t) => {
  const sender = await ca.client({ notBefore: 1_700_000_000_000, notAfter: 1_900_000_000_000 })
  const found = certificateFromPem(sender.certificate, { error: 'X' }, { authorities: [], lists: [] }, Date.now)
  t.match(found, { serial: sender.serial.replace(/^0+/, ''), notBefore: 1_700_000_000_000, notAfter: 1_900_000_000_000, extendedKeyUsage: ['1.3.6.1.5.5.7.3.2'] })
  t.match(found.fingerprint, /^[0-9a-f]{64}$/)
  t.match(found.keyFingerprint, /^[0-9a-f]{64}$/)
  t.same(Buffer.from(found.der), sender.der)
  t.same(found.trust, { error: 'X' })
  t.same((await read({ usages: [] })).extendedKeyUsage, [])
})
