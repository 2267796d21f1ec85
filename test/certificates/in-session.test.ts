import { X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { certificateInSession } from '../../src/certificates/in-session.ts'
import { makePki } from '../support/pki.ts'
import { listenTls } from '../support/tls.ts'

const { ca, intermediate } = await makePki()
const own = await ca.server()
const senders = [await ca.client(), await intermediate.client({ names: ['uri:spiffe://a/b'] })]

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`${version}: a session holds the certificate that Node gives`, async (t) => {
    const { meet } = await listenTls(t, { cert: own.chain, key: own.key, requestCert: true, rejectUnauthorized: false, ca: [ca.certificate], maxVersion: version })
    for (const sender of senders) {
      const met = await meet({ cert: sender.chain, key: sender.key })
      const session = met?.server.getSession() as Buffer
      t.same(certificateInSession(session), met?.server.getPeerX509Certificate()?.raw)
      cut(t, session, sender.der)
    }
    t.equal(certificateInSession((await meet())?.server.getSession() as Buffer), undefined, 'none was shown')
  })
}

/** Cut short or changed: it is not found, or it is what stands there, whole. */
function cut(t: { readonly equal: (found: unknown, wanted: unknown, name: string) => unknown }, session: Buffer, der: Buffer): void {
  for (let length = 0; length < session.length; length++) t.equal(certificateInSession(session.subarray(0, length)), undefined, `${length} bytes of it`)
  t.equal(certificateInSession(Buffer.concat([session, Buffer.of(0)]))?.equals(der) ?? true, true, 'with a byte behind it')
}

t.test('nothing that is no session throws', async (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
    const found = certificateInSession(Buffer.from(bytes))
    return found === undefined || found[0] === 0x30
  }), { numRuns: 5_000 })
  const whole = new X509Certificate(senders[0]?.certificate as string).raw
  t.equal(certificateInSession(whole), undefined, 'a certificate is no session')
})
