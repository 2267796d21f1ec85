import { X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { auditLine } from '../../src/audit/record.ts'
import { Certificate } from '../../src/certificates/certificate.ts'
import { makePki } from '../support/pki.ts'

const { ca, intermediate } = await makePki()
const whole = await Promise.all([ca.client(), intermediate.client({ names: ['uri:spiffe://a/b', 'ip:192.0.2.1', 'email:a@b.example'] }), ca.server()])

const fields = [
  'trust', 'der', 'issuers', 'intermediates', 'shownTo', 'ocsp', 'links', 'subject', 'issuer', 'names', 'fingerprint', 'keyFingerprint',
  'serial', 'notBefore', 'notAfter', 'extendedKeyUsage',
] as const satisfies readonly (keyof Certificate)[]

/** A handshake shows us whatever OpenSSL can parse, signed by anybody: nothing that is read of it may throw, or there is no answer and no record. */
t.test('a certificate with any bytes changed is read without a throw, and recorded', async (t) => {
  let parsed = 0
  const change = fc.record({ at: fc.noBias(fc.nat()), to: fc.noBias(fc.nat(255)) })
  fc.assert(fc.property(fc.constantFrom(...whole), fc.array(change, { minLength: 1, maxLength: 4 }), ({ der }, changes) => {
    const bytes = Buffer.from(der)
    for (const { at, to } of changes) bytes[at % bytes.length] = to
    const leaf = parse(bytes)
    if (leaf === undefined) return
    parsed++
    const certificate = shown(leaf)
    for (const field of fields) void certificate[field]
    auditLine({ at: 0, id: 'i', route: undefined, from: undefined, certificate, verdict: 'refused', reason: 'r', status: 403, bytes: 0, spent: { checks: 0, store: 0, receiver: 0 }, key: undefined, nonce: undefined, facts: {} })
  }), { numRuns: 5_000 })
  t.ok(parsed > 500, 'OpenSSL took enough of them')
})

function parse(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der)
  } catch {
    return undefined
  }
}

/** As if the listener knew it, so that everything is looked at. */
function shown(leaf: X509Certificate): Certificate {
  const vouchers = { authorities: [leaf], lists: [], listsWanted: true }
  return new Certificate({
    leaf, sent: () => [leaf], shownTo: () => [], verified: 'trusted', met: { vouchers, at: Number.NEGATIVE_INFINITY }, vouchers: () => vouchers, now: () => Date.now(),
  })
}
