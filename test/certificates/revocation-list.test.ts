import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { findRevocation } from '../../src/certificates/revocation.ts'
import { readRevocationLists } from '../../src/certificates/revocation-list.ts'
import { day, makeCa, type Ca } from '../support/pki.ts'

const ca = await makeCa()
const rsa = await makeCa({ kind: 'rsa' })
const parse = (one: Ca) => new X509Certificate(one.certificate)
const derOf = (pem: string) => Buffer.from(pem.split('-----')[2] ?? '', 'base64')
const read = (text: string | Buffer) => readRevocationLists(Buffer.from(text as string))

t.test('lists are read whole, PEM and DER, one and several', async (t) => {
  const sender = await ca.client()
  const other = await ca.client()
  for (const [kind, one] of [['ec', ca], ['rsa', rsa]] as const) {
    const pem = await one.crl([sender, '00ff', '7f'], { thisUpdate: 1_700_000_000_000, nextUpdate: 2_600_000_000_000 })
    for (const [form, file] of [['PEM', pem], ['DER', derOf(pem)], ['with text around', `Issuer: x\n${pem}\nbye`]] as const) {
      const [list, ...rest] = read(file)
      t.match(list, { thisUpdate: 1_700_000_000_000, nextUpdate: 2_600_000_000_000 }, `${kind} ${form}`)
      t.equal(rest.length, 0)
      t.ok(list?.isIssuedBy(parse(one)))
      t.same([sender.serial, sender.serial.toUpperCase(), 'ff', 'FF', '00FF', '7f'].map((serial) => list?.has(serial)), [true, true, true, true, true, true])
      t.same([other.serial, '0', 'fe', 'ff00', '7', `${sender.serial}00`].map((serial) => list?.has(serial)), [false, false, false, false, false, false])
      t.equal(list?.has('-7F'), true, 'a number that nobody can look up')
    }
  }
  t.equal(read(await ca.crl() + await rsa.crl()).length, 2)
  t.equal(read(await ca.crl())[0]?.has('00'), false, 'an empty list')
})

t.test('who signed it', async (t) => {
  const twin = await makeCa({ name: parse(ca).subject.slice(3) })
  const [list] = read(await ca.crl())
  t.ok(list?.names(parse(twin)) && !list.isIssuedBy(parse(twin)), 'the name of another is not its signature')
  t.notOk(list?.names(parse(rsa)) || list?.isIssuedBy(parse(rsa)))
  const broken = derOf(await ca.crl(['0a0b0c0d']))
  broken[broken.indexOf('0a0b0c0d', 0, 'hex')] = 0x0e
  t.notOk(read(broken)[0]?.isIssuedBy(parse(ca)), 'changed by one bit')
})

t.test('what is not a complete list in good order is refused', async (t) => {
  const good = await ca.crl(['0a'])
  const der = derOf(good)
  const rows: [string, string | Buffer, RegExp][] = [
    ['nothing', '', /no revocation list/], ['a certificate', ca.certificate, /no revocation list/], ['half a block', good.slice(0, 200), /broken PEM/],
    ['half of DER', der.subarray(0, 100), /DER/], ['something behind', Buffer.concat([der, Buffer.from([0])]), /DER/],
    ['a list of changes', await ca.crl([], { deltaOf: 1 }), /delta/],
    ['one good, one bad', `${good}-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n`, /DER/],
  ]
  for (const [name, file, message] of rows) t.throws(() => read(file), { message }, name)
  for (const [name, lines, message] of [
    ['a part of the certificates', 'issuingDistributionPoint=critical,@idp\n[idp]\nonlyuser=TRUE\n', /issuing distribution point/],
    ['a critical extension that nobody knows', '1.2.3.4=critical,DER:0500\n', /critical extension/],
  ] as const) {
    t.throws(() => read(byOpenssl(t.testdir({}), lines)), { message }, name)
  }
  t.ok(read(byOpenssl(t.testdir({}), 'authorityKeyIdentifier=keyid\n'))[0]?.has('0A11'))
})

/** A list made by somebody else's hand: `openssl ca -gencrl`, with these extensions. */
function byOpenssl(directory: string, extensions: string): Buffer {
  const file = (name: string, text: string) => writeFileSync(join(directory, name), text)
  file('ca.pem', ca.certificate)
  file('ca.key', ca.key)
  file('index.txt', 'R\t301231000000Z\t261101000000Z,keyCompromise\t0A11\tunknown\t/CN=x\nR\t301231000000Z\t261101000000Z\t0A12\tunknown\t/CN=y\n')
  file('number', '01\n')
  file('c.cnf', `[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=30\ncrl_extensions=e\n[e]\n${extensions}`)
  execFileSync('openssl', ['ca', '-config', 'c.cnf', '-gencrl', '-keyfile', 'ca.key', '-cert', 'ca.pem', '-out', 'out.crl'], { cwd: directory, stdio: 'ignore' })
  return readFileSync(join(directory, 'out.crl'))
}

t.test('damaged lists never pass and never throw anything but a sentence', async () => {
  const der = derOf(await ca.crl(['0a0b', '0c0d0e']))
  const authority = parse(ca)
  fc.assert(fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
    const damaged = Buffer.from(der)
    damaged[at] = (damaged[at] as number) ^ change
    try {
      return read(damaged).every((list) => !list.isIssuedBy(authority))
    } catch (error) {
      return error instanceof Error && error.message.length > 0
    }
  }), { numRuns: 2000 })
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    try {
      read(Buffer.from(bytes))
      return false
    } catch (error) {
      return error instanceof Error
    }
  }))
})

t.test('what is known of a chain', async (t) => {
  const now = Date.now()
  const middle = await ca.below()
  const leaf = new X509Certificate((await middle.client()).certificate)
  const links = [[leaf, parse(middle)], [parse(middle), parse(ca)]] as const
  const lists = async (...pems: Promise<string>[]) => (await Promise.all(pems)).flatMap(read)
  const serial = leaf.serialNumber
  const rows: [string, Awaited<ReturnType<typeof lists>>, object | undefined][] = [
    ['good', await lists(ca.crl(), middle.crl()), undefined],
    ['revoked', await lists(ca.crl(), middle.crl([serial])), { error: 'CERT_REVOKED', facts: { revokedSerial: serial.toLowerCase() } }],
    ['its issuer revoked', await lists(ca.crl([parse(middle).serialNumber]), middle.crl()), { error: 'CERT_REVOKED' }],
    ['on the wrong list', await lists(ca.crl([serial]), middle.crl()), undefined],
    ['no list of the issuer', await lists(ca.crl()), { error: 'UNABLE_TO_GET_CRL', facts: { authority: parse(middle).subject } }],
    ['no list of the root', await lists(middle.crl()), { error: 'UNABLE_TO_GET_CRL', facts: { authority: parse(ca).subject } }],
    ['old', await lists(ca.crl(), middle.crl([], { nextUpdate: now - 1000 })), { error: 'CRL_HAS_EXPIRED', facts: { authority: parse(middle).subject, nextUpdate: /Z$/ } }],
    ['old, but on it', await lists(ca.crl(), middle.crl([serial], { nextUpdate: now - 1000 })), { error: 'CERT_REVOKED' }],
    ['an old and a new one', await lists(ca.crl(), middle.crl([], { nextUpdate: now - 1000 }), middle.crl()), undefined],
    ['not yet', await lists(ca.crl(), middle.crl([], { thisUpdate: now + day })), { error: 'CRL_NOT_YET_VALID' }],
    ['of a namesake', await lists(ca.crl(), (await makeCa({ name: parse(middle).subject.slice(3) })).crl()), { error: 'CRL_SIGNATURE_FAILURE' }],
    ['unknown and revoked', await lists(middle.crl([serial])), { error: 'CERT_REVOKED' }],
  ]
  for (const [name, known, expected] of rows) {
    const found = findRevocation(links, known, now)
    if (expected === undefined) t.equal(found, undefined, name)
    else t.match(found, expected, name)
  }
})
