import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { lateAmong, verifyLateLists } from '../../src/certificates/late-lists.ts'
import { readRevocationLists, type RevocationList } from '../../src/certificates/revocation-list.ts'
import { makeCa } from '../support/pki.ts'

const root = await makeCa()
const [middle, namesake] = [await root.below({ name: 'Middle' }), await root.below({ name: 'Middle' })]
const parse = (pem: string) => new X509Certificate(pem)
const read = (pem: string): RevocationList => readRevocationLists(Buffer.from(pem))[0] as RevocationList

t.test('which lists wait for a sender', async (t) => {
  const lists = [read(await root.crl()), read(await middle.crl())]
  t.same(lateAmong(lists, [parse(root.certificate)]), lists.slice(1))
  t.same(lateAmong(lists, [root, middle].map(({ certificate }) => parse(certificate))), [])
})

t.test('verified once for whoever stands above, and known afterwards', async (t) => {
  const list = read(await middle.crl())
  const above = { intermediates: [parse(middle.certificate).raw, parse(namesake.certificate).raw, parse(root.certificate).raw] }
  await Promise.all([verifyLateLists(above, [list]), verifyLateLists(above, [list]), verifyLateLists({ intermediates: [] }, [list])])
  t.equal(list.isIssuedBy(parse(middle.certificate)), true)
  t.equal(list.isIssuedBy(parse(namesake.certificate)), false, 'of the same name')
  t.equal(list.isIssuedBy(parse(root.certificate)), false)
  t.equal(list.isIssuedByLater(parse(middle.certificate)) instanceof Promise, true)
})
