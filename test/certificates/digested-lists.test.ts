import { createPrivateKey, X509Certificate } from 'node:crypto'
import t from 'tap'
import { digestLists } from '../../src/certificates/digested-lists.ts'
import { RevocationList } from '../../src/certificates/revocation-list.ts'
import { makeLargeList, pemOf } from '../support/large-list.ts'
import { makeCa } from '../support/pki.ts'

const ca = await makeCa()
const authority = new X509Certificate(ca.certificate)
const serials = Array.from({ length: 9_000 }, (_, at) => (0x10000 + at).toString(16).padStart(6, '0'))
const der = makeLargeList({ issuer: Buffer.from(ca.authority.certificate.subjectName.toArrayBuffer()), key: createPrivateKey(ca.key), bytes: 0, revoked: serials })
const pem = pemOf(der)

t.test('a long list is read in slices, between which the event loop turns', async (t) => {
  let turns = 0
  const list = await RevocationList.readLater(der, () => {
    turns++
    return Promise.resolve()
  })
  t.equal(turns, 4, 'nine thousand entries, two thousand a slice')
  t.ok(list.has(serials[0] ?? '') && list.has(serials[8_999] ?? '') && !list.has('ffffff'))
  let others = 0
  let reading = true
  const count = (): void => {
    others++
    if (reading) setImmediate(count)
  }
  setImmediate(count)
  await RevocationList.readLater(der)
  reading = false
  t.ok(others >= 4, 'others have their turn')
})

t.test('its signature is verified off the event loop, and known afterwards', async (t) => {
  const list = await RevocationList.readLater(der)
  const answer = list.isIssuedByLater(authority)
  t.ok(answer instanceof Promise)
  t.equal(await answer, true)
  t.equal(list.isIssuedBy(new X509Certificate(ca.certificate)), true, 'also by a copy of the authority')
  const other = new X509Certificate((await makeCa({ name: ca.authority.certificate.subject.slice(3) })).certificate)
  t.equal(await list.isIssuedByLater(other), false, 'a namesake')
  t.equal(list.isIssuedBy(other), false)
})

t.test('files are read ahead; what is broken is left to whoever asks', async (t) => {
  const [file, junk] = [Buffer.from(pem), Buffer.from('junk')]
  const read = await digestLists([{ lists: [file, junk, new Uint8Array()], authorities: [ca.certificate, 'junk', ''] }])
  t.equal(read(file), read(file), 'the same lists each time: they were read ahead')
  t.equal(read(file)[0]?.has(serials[1] ?? ''), true)
  t.throws(() => read(junk), { message: /no revocation list/ })
  t.equal(read(Buffer.from(await ca.crl()))[0]?.isIssuedBy(authority), true, 'one that was not read ahead')
})

t.test('the number of a list', async (t) => {
  const numberOf = (text: string) => RevocationList.read(Buffer.from(text.split('-----')[2] ?? '', 'base64')).number
  for (const number of [0, 1, 127, 128, 65_536]) t.equal(numberOf(await ca.crl([], { number })), BigInt(number))
})
