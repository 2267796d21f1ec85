import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { Certificate, type Vouchers } from '../../src/certificates/certificate.ts'
import { Readings } from '../../src/certificates/readings.ts'
import { RevocationList } from '../../src/certificates/revocation-list.ts'
import { makePki } from '../support/pki.ts'

const { ca, intermediate } = await makePki()
const roomy = { entries: 8, bytes: 1 << 20 }
const made = await Promise.all(Array.from({ length: 5 }, (_, at) => ca.client({ cn: `sender ${at}` })))
/** As a handshake gives it: another object each time. */
const show = (at: number): X509Certificate => new X509Certificate(made[at]?.certificate as string)

t.test('the same bytes are read once', async (t) => {
  const readings = new Readings(roomy)
  const first = readings.keep(show(0))
  t.equal(readings.keep(show(0)), first)
  t.equal(readings.find(show(0)), first, 'a stranger that shows them is read as well')
  t.equal(first.der, readings.keep(show(0)).der, 'one array, by which more is remembered')
  t.not(readings.keep(show(1)), first)
  t.same(readings.keep(show(1)).subject, [{ type: 'CN', value: 'sender 1' }])
})

t.test('one byte makes another certificate, wherever it stands', async (t) => {
  const readings = new Readings({ entries: 1_000, bytes: 1 << 20 })
  const whole = show(0).raw
  const kept = readings.keep(show(0))
  let others = 0
  for (let at = 0; at < whole.length; at++) {
    const bytes = Buffer.from(whole)
    bytes[at] = (bytes[at] as number) ^ 0x01
    const other = parse(bytes)
    if (other === undefined || other.raw.equals(whole)) continue
    others++
    const reading = readings.keep(other)
    if (reading === kept || !Buffer.from(reading.der).equals(other.raw) || reading.fingerprint === kept.fingerprint) t.fail(`byte ${at}`)
  }
  t.ok(others > 50, 'OpenSSL took enough of them')
  t.equal(readings.keep(show(0)), kept)
})

t.test('bounded in entries: what was not used for longest goes', async (t) => {
  const readings = new Readings({ ...roomy, entries: 3 })
  const [zero, one] = [readings.keep(show(0)), readings.keep(show(1))]
  readings.keep(show(2))
  readings.keep(show(0))
  readings.keep(show(3))
  t.equal(readings.size, 3)
  t.equal(readings.find(show(0)), zero, 'used again')
  t.not(readings.find(show(1)), one, 'gone')
})

t.test('bounded in bytes, and what is larger than all of it is not kept', async (t) => {
  const size = show(0).raw.length
  const two = new Readings({ entries: 100, bytes: size * 2 + 20 })
  for (const at of [0, 1, 2, 3]) two.keep(show(at))
  t.equal(two.size, 2)
  const none = new Readings({ entries: 100, bytes: size - 1 })
  t.not(none.keep(show(0)), none.keep(show(0)))
  t.equal(none.size, 0)
  for (const at of [0, 1, 2, 3, 0, 1, 2, 3]) two.keep(show(at))
  t.equal(two.size, 2, 'bytes that went are counted off')
})

t.test('a stranger is not kept, pushes nobody out and keeps nobody in', async (t) => {
  const readings = new Readings({ ...roomy, entries: 2 })
  const [zero, one] = [readings.keep(show(0)), readings.keep(show(1))]
  for (const at of [2, 3, 4]) t.not(readings.find(show(at)), readings.find(show(at)))
  t.equal(readings.size, 2)
  t.equal(readings.find(show(1)), one)
  t.equal(readings.find(show(0)), zero)
  readings.keep(show(2))
  t.not(readings.find(show(0)), zero, 'shown by strangers last, and used by nobody')
  t.equal(readings.find(show(1)), one)
})

t.test('who vouches, their lists and the time are asked for a certificate that is known, too', async (t) => {
  const sender = await intermediate.client()
  const sent = (): X509Certificate[] => [new X509Certificate(intermediate.certificate)]
  const authorities = [new X509Certificate(ca.certificate)]
  const trusted: Vouchers = { authorities, lists: [] }
  const lists = [await ca.crl(), await intermediate.crl([sender])].map((pem) => RevocationList.read(derOf(pem)))
  const readings = new Readings(roomy)
  const meet = (vouchers: Vouchers, verified: 'trusted' | { error: string } = 'trusted', now = Date.now()) => new Certificate({
    leaf: new X509Certificate(sender.certificate), sent, shownTo: () => [], verified, met: { vouchers: trusted, at: Date.now() }, vouchers: () => vouchers, now: () => now, readings,
  })
  const first = meet(trusted)
  t.equal(first.trust, 'trusted')
  t.equal(meet(trusted).der, first.der)
  t.same(meet(trusted).issuers.map((der) => Buffer.from(der)), [intermediate, ca].map(({ certificate }) => new X509Certificate(certificate).raw))
  t.match(meet({ authorities, lists }).trust, { error: 'CERT_REVOKED' }, 'on a list')
  t.match(meet({ authorities: [], lists: [] }).trust, { error: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' }, 'nobody vouches any more')
  t.match(meet(trusted, 'trusted', Date.now() + 365 * 86_400_000 * 100).trust, { error: 'CERT_HAS_EXPIRED' }, 'what stands above it expired')
  t.match(meet(trusted, { error: 'CERT_HAS_EXPIRED' }).trust, { error: 'CERT_HAS_EXPIRED' }, 'this handshake said no')
  t.equal(meet(trusted).trust, 'trusted', 'and nothing of it stays')
})

t.test('what was sent behind it is its connection\'s own', async (t) => {
  const sender = await intermediate.client()
  const authorities = [new X509Certificate(ca.certificate)]
  const vouchers: Vouchers = { authorities, lists: [] }
  const readings = new Readings(roomy)
  const meet = (sent: X509Certificate[]) => new Certificate({
    leaf: new X509Certificate(sender.certificate), sent: () => sent, shownTo: () => [], verified: 'trusted', met: { vouchers, at: Number.NEGATIVE_INFINITY }, vouchers: () => vouchers, now: Date.now, readings,
  })
  t.equal(meet([new X509Certificate(intermediate.certificate)]).trust, 'trusted')
  t.match(meet([]).trust, { error: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' }, 'what another connection sent is not taken for what this one did')
  t.same(meet([]).issuers, [])
})

function parse(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der)
  } catch {
    return undefined
  }
}

function derOf(pem: string): Buffer {
  return Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
}
