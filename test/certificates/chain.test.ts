import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { Certificate } from '../../src/certificates/certificate.ts'
import { buildChain, fingerprintOf, isBelowRoots } from '../../src/certificates/chain.ts'
import { makeAuthority } from '../../src/pki/authority.ts'
import { keyUsage, oddCertificate, resign } from '../support/odd.ts'
import { makeCa, type Ca } from '../support/pki.ts'

const parse = (pem: string) => new X509Certificate(pem)
const of = (...cas: Ca[]) => cas.map(({ certificate }) => parse(certificate))

t.test('what stands between a leaf and an authority, nearest first', async (t) => {
  const root = await makeCa()
  const upper = await root.below()
  const lower = await upper.below()
  const leaf = parse((await lower.client()).certificate)
  const stranger = await makeCa()
  const twin = await makeCa({ name: 'same name' })
  const rows: [string, X509Certificate[], X509Certificate[], X509Certificate[]][] = [
    ['sent in order', of(lower, upper), of(root), of(lower, upper, root)],
    ['sent in disorder, with junk', of(stranger, root, upper, twin, lower), of(root), of(lower, upper, root)],
    ['sent twice', of(lower, lower, upper, upper), of(root), of(lower, upper, root)],
    ['none sent, all known', [], of(root, upper, lower), of(lower, upper, root)],
    ['one missing', of(lower), of(root), []],
    ['the root is not an authority here', of(lower, upper, root), of(stranger), []],
    ['an intermediate alone is no end', of(lower), of(upper), []],
  ]
  for (const [name, sent, authorities, expected] of rows) {
    const found = buildChain(leaf, sent, authorities)
    t.same(found.issuers.map((one) => one.subject), expected.map((one) => one.subject), name)
  }
})

t.test('a name is not a signature', async (t) => {
  const real = await makeCa({ name: 'Real' })
  const fake = await makeCa({ name: 'Real' })
  const leaf = parse((await fake.client()).certificate)
  t.same(buildChain(leaf, [], of(real)).issuers, [])
  t.same(buildChain(leaf, of(fake), of(real)).issuers, [])
})

t.test('a leaf does not issue', async (t) => {
  const root = await makeCa()
  const middle = await root.client({ cn: 'no authority' })
  const { issueCertificate } = await import('../../src/pki/authority.ts')
  const { makeKeys, readPrivateKey } = await import('../../src/pki/keys.ts')
  const { X509Certificate: Built } = await import('@peculiar/x509')
  const forged = await issueCertificate({ certificate: new Built(middle.certificate), keys: await readPrivateKey(middle.key) }, {
    subject: { CN: 'forged' }, names: [], usages: [], publicKey: (await makeKeys('ec')).publicKey, notBefore: Date.now() - 1000, notAfter: Date.now() + 1e6,
  })
  t.same(buildChain(parse(forged.toString('pem')), [parse(middle.certificate)], of(root)).issuers, [])
})

t.test('every way must pass the authority that is demanded', async (t) => {
  const [a, b] = [await makeCa({ name: 'A' }), await makeCa({ name: 'B' })]
  const middle = await a.below({ name: 'Middle' })
  const crossed = await crossSign(middle, b)
  const leaf = parse((await middle.client()).certificate)
  const prints = (...cas: Ca[]) => new Set(of(...cas).map(fingerprintOf))
  const rows: [string, X509Certificate[], X509Certificate[], Set<string>, boolean][] = [
    ['one way, its root', of(middle), of(a, b), prints(a), true],
    ['one way, its intermediate', of(middle), of(a, b), prints(middle), true],
    ['one way, another root', of(middle), of(a, b), prints(b), false],
    ['nobody demanded', of(middle), of(a, b), prints(), false],
    ['two ways, one of their roots', [parse(middle.certificate), crossed], of(a, b), prints(a), false],
    ['two ways, both roots', [parse(middle.certificate), crossed], of(a, b), prints(a, b), true],
    ['two ways, one of them through what we know', [crossed], of(a, b, middle), prints(a), true],
    ['two ways, one leads nowhere', [parse(middle.certificate), crossed], of(a), prints(a), true],
    ['no way', [], of(a, b), prints(a, b), false],
  ]
  for (const [name, sent, authorities, wanted, expected] of rows) t.equal(buildChain(leaf, sent, authorities).passes(wanted), expected, name)
})

t.test('a sender cannot keep us busy, and whoever sends more than is looked at has no way', async (t) => {
  const root = await makeCa()
  const middle = await root.below({ name: 'Twin' })
  const leaf = parse((await middle.client()).certificate)
  const twins = await Promise.all(Array.from({ length: 17 }, () => crossSign(middle, root)))
  for (const [count, passes] of [[16, true], [17, false]] as const) {
    const found = buildChain(leaf, twins.slice(0, count), of(root))
    t.equal(found.passes(new Set(of(root).map(fingerprintOf))), passes, `${count} sent`)
    t.equal(found.issuers.length, passes ? count + 1 : 0)
    t.equal(found.intermediates.length, passes ? count : 0)
  }
  t.equal(buildChain(leaf, Array.from({ length: 17 }, () => twins[0] as X509Certificate), of(root)).passes(new Set(of(root).map(fingerprintOf))), false)
})

t.test('whoever issues without being an authority spoils every way', async (t) => {
  const root = await makeCa({ name: 'Root' })
  const middle = await root.below({ name: 'Middle' })
  const leaf = parse((await middle.client()).certificate)
  const wanted = new Set(of(root).map(fingerprintOf))
  t.equal(buildChain(leaf, of(middle), of(root)).passes(wanted), true)
  const twin = await oddCertificate({ subject: 'CN=Middle', keys: middle.authority.keys, by: root.authority, extensions: [keyUsage('keyCertSign')] })
  t.equal(buildChain(leaf, [...of(middle), parse(twin)], of(root)).passes(wanted), false, 'it may sign, and says nothing of being an authority')
})

t.test('a key that nobody knows ends nothing (CVE-2024-24783)', async (t) => {
  const root = await makeCa({ name: 'Root' })
  const leaf = parse((await root.client()).certificate)
  const strange = parse(resign(root.certificate, root.key, { change: (tbs) => { tbs.subjectPublicKeyInfo.algorithm.algorithm = '1.2.3.4.5' } }))
  t.equal(buildChain(leaf, [strange], of(root)).passes(new Set(of(root).map(fingerprintOf))), true)
  t.same(buildChain(leaf, [], [strange]).issuers, [])
  const of1 = { leaf: strange, sent: () => [], shownTo: () => [], verified: 'trusted' as const, met: { vouchers: { authorities: [], lists: [] }, at: 0 }, vouchers: () => ({ authorities: [], lists: [] }), now: () => 0 }
  t.equal(new Certificate(of1).keyFingerprint, '', 'no pin matches it')
})

/** The same name and key, certified by somebody else. */
async function crossSign(ca: Ca, by: Ca): Promise<X509Certificate> {
  const name = parse(ca.certificate).subject.replace('CN=', '')
  const made = await makeAuthority({ subject: { CN: name }, keys: ca.authority.keys, notBefore: Date.now() - 1000, notAfter: Date.now() + 1e7 }, by.authority)
  return parse(made.certificate.toString('pem'))
}

t.test('right below roots, and below nobody else: what is sent counts for nothing', async (t) => {
  const [root, other] = [await makeCa({ name: 'Root' }), await makeCa({ name: 'Other' })]
  const [middle, namesake] = [await root.below({ name: 'Middle' }), await makeCa({ name: 'Root' })]
  const leaf = parse((await root.client()).certificate)
  const below = parse((await middle.client()).certificate)
  const crossed = await crossSign(root, other)
  const rows: [string, X509Certificate, X509Certificate[], boolean][] = [
    ['below the only root', leaf, of(root), true],
    ['among several', leaf, of(other, root, middle), true],
    ['below another', leaf, of(other), false],
    ['below an intermediate that is known', below, of(root, middle), false],
    ['below an intermediate that is sent', below, of(root), false],
    ['the root is known as one below another, too', leaf, [...of(root), crossed], false],
    ['nobody is known', leaf, [], false],
    ['a root of the same name and another key', parse((await namesake.client()).certificate), of(root), false],
  ]
  for (const [name, one, authorities, expected] of rows) {
    t.equal(isBelowRoots(one, authorities), expected, name)
    t.equal(isBelowRoots(one, authorities), expected, `${name}, asked again`)
    if (!expected) continue
    const found = [[], of(root), of(middle, other, namesake), [crossed]].map((sent) => buildChain(one, sent, authorities).issuers)
    for (const issuers of found) t.same(issuers.map(fingerprintOf), of(root).map(fingerprintOf), `${name}: the same way whatever is sent`)
  }
})
