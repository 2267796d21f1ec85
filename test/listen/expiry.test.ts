import t from 'tap'
import { expiriesOf, warnOfExpiry } from '../../src/listen/expiry.ts'
import { buildTlsOptions, type TlsMaterial } from '../../src/listen/tls.ts'
import { day, makeCa } from '../support/pki.ts'

const now = Math.floor(Date.now() / 1000) * 1000

async function listener({ server, ca, list }: { server: number; ca: number; list: number }): Promise<{ tls: TlsMaterial }> {
  const authority = await makeCa({ name: 'Partner', notAfter: now + ca })
  const own = await authority.server(undefined, { notAfter: now + server })
  const crl = await authority.crl([], { nextUpdate: now + list })
  const clientCertificate = { mode: 'request', ca: [authority.certificate], crl: [Buffer.from(crl)] } as const
  const tls = buildTlsOptions({ certificate: own.chain, key: own.key, minVersion: 'TLSv1.2', clientCertificate })
  if ('problems' in tls) throw new Error(JSON.stringify(tls.problems))
  return { tls }
}

t.test('what ends when, the soonest first', async (t) => {
  const one = await listener({ server: 20 * day, ca: 30 * day, list: 10 * day })
  const expiries = [
    { kind: 'revocation-list', name: 'CN=Partner', at: now + 10 * day }, { kind: 'certificate', name: 'CN=localhost', at: now + 20 * day },
    { kind: 'authority', name: 'CN=Partner', at: now + 30 * day },
  ]
  t.same(expiriesOf([one, one]), expiries)
})

t.test('warnings begin in time, and do not end', async (t) => {
  const one = await listener({ server: 20 * day, ca: 30 * day, list: 10 * day })
  const rows: [number, RegExp[]][] = [
    [now, []], [now + 3 * day - 1, []], [now + 3 * day, [/the revocation list of CN=Partner expires at .*Z.*issue the next list/]],
    [now + 13 * day, [/list of CN=Partner has expired at/, /the certificate CN=localhost expires at/]],
    [now + 40 * day, [/has expired/, /certificate CN=localhost has expired/, /authority CN=Partner has expired/]],
  ]
  for (const [at, expected] of rows) {
    const warnings = warnOfExpiry([one], at, 7 * day)
    t.equal(warnings.length, expected.length, `${(at - now) / day} days`)
    expected.forEach((text, index) => t.match(warnings[index], text))
  }
})
