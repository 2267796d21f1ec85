import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { chainBetween } from '../../src/certificates/chain.ts'
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
    const found = chainBetween(leaf, sent, authorities)
    t.same(found.map((one) => one.subject), expected.map((one) => one.subject), name)
  }
})

t.test('a name is not a signature', async (t) => {
  const real = await makeCa({ name: 'Real' })
  const fake = await makeCa({ name: 'Real' })
  const leaf = parse((await fake.client()).certificate)
  t.same(chainBetween(leaf, [], of(real)), [])
  t.equal(chainBetween(leaf, of(fake), of(real)).length, 0)
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
  t.same(chainBetween(parse(forged.toString('pem')), [parse(middle.certificate)], of(root)), [])
})
