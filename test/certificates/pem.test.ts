import 'reflect-metadata'
import { X509Certificate } from 'node:crypto'
import { Extension } from '@peculiar/x509'
import t from 'tap'
import { parseDer } from '../../src/certificates/pem.ts'
import { oddCertificate } from '../support/odd.ts'
import { makePki } from '../support/pki.ts'

t.test('a certificate in DER, whatever text is inside of it', async (t) => {
  const { ca } = await makePki()
  const partner = await ca.client({ cn: 'partner' })
  t.equal(parseDer(partner.der)?.fingerprint256, new X509Certificate(partner.certificate).fingerprint256)
  const forged = new X509Certificate(await oddCertificate({ subject: 'CN=x', keys: ca.authority.keys, extensions: [new Extension('1.2.3.4', false, Buffer.from(`\n${partner.certificate}`))] })).raw
  t.match(new X509Certificate(forged).subject, /partner/, 'Node takes what looks like another one (the trap is real)')
  t.same(parseDer(forged)?.raw, forged)
  t.equal(parseDer(Buffer.from('30030201')), undefined)
  t.equal(parseDer(Buffer.alloc(0)), undefined)
})
