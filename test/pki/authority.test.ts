import { X509Certificate } from 'node:crypto'
import { createServer } from 'node:https'
import { connect } from 'node:tls'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { readAuthority } from '../../src/pki/authority.ts'
import { parseSubjectName } from '../../src/pki/names.ts'
import { readRevocationList } from '../../src/pki/revocation-list.ts'
import { day, makeCa, makePki } from '../support/pki.ts'

t.test('certificates are what was asked for, as OpenSSL reads them', async (t) => {
  const { ca, intermediate } = await makePki()
  const root = new X509Certificate(ca.certificate)
  const middle = new X509Certificate(intermediate.certificate)
  const sender = await intermediate.client({
    subject: { CN: 'a, CN=b + "c" #d', O: '#616263' }, names: ['dns:a.example', 'uri:spiffe://x/y', 'email:a@example', 'ip:192.0.2.1', 'ip:2001:db8::1'],
  })
  const leaf = new X509Certificate(sender.certificate)
  t.ok(root.ca && middle.ca && !leaf.ca)
  t.ok(leaf.checkIssued(middle) && leaf.verify(middle.publicKey))
  t.ok(middle.checkIssued(root) && middle.verify(root.publicKey))
  t.equal(leaf.subject, 'CN=a\\, CN=b \\+ \\"c\\" #d\nO=\\#616263')
  t.equal(leaf.subjectAltName, 'DNS:a.example, URI:spiffe://x/y, email:a@example, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1')
  t.same(leaf.keyUsage, ['1.3.6.1.5.5.7.3.2'])
  t.equal(leaf.serialNumber.toLowerCase(), sender.serial)
  t.equal(sender.chain.match(/BEGIN CERTIFICATE/g)?.length, 2)
  t.not((await ca.client()).serial, (await ca.client()).serial)
})

t.test('a handshake with a sender certificate, EC and RSA', async (t) => {
  const { ca, intermediate } = await makePki()
  for (const kind of ['ec', 'rsa'] as const) {
    const server = await ca.server(undefined, { kind })
    const sender = await intermediate.client({ kind })
    const listener = createServer({ cert: server.chain, key: server.key, ca: ca.certificate, requestCert: true, crl: [await ca.crl(), await intermediate.crl()] })
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const { port } = listener.address() as AddressInfo
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', cert: sender.chain, key: sender.key, ca: ca.certificate })
    const [accepted] = await once(listener, 'secureConnection')
    t.equal(accepted.authorized, true, kind)
    socket.destroy()
    listener.close()
  }
})

t.test('revocation lists say what is revoked', async (t) => {
  const { ca } = await makePki()
  const sender = await ca.client()
  const list = readRevocationList(await ca.crl([sender, '0a'], { number: 7, nextUpdate: 1_900_000_000_000 }))
  t.match(list, { number: 7, nextUpdate: 1_900_000_000_000 })
  t.same(list.revoked.map(({ serial }) => serial), [sender.serial, '0a'])
})

t.test('an authority is read back only where certificate, key and CA flag agree', async (t) => {
  const { ca } = await makePki()
  const other = await makeCa({ kind: 'rsa', notAfter: Date.now() + 2 * day })
  t.ok(await readAuthority(ca.certificate, ca.key))
  t.ok(await readAuthority(other.certificate, other.key))
  const sender = await ca.client()
  await t.rejects(readAuthority(ca.certificate, other.key), /do not belong together/)
  await t.rejects(readAuthority(sender.certificate, sender.key), /not an authority/)
})

t.test('names are typed', async (t) => {
  t.same(parseSubjectName('uri:spiffe://a/b'), { type: 'url', value: 'spiffe://a/b' })
  for (const bad of ['a.example', 'dns:', 'DNS:a', 'ip:1.2.3', 'dns:bücher.example', 'dns:a\0b', 'dns:a b']) t.throws(() => parseSubjectName(bad), { message: /is no|holds/ }, bad)
})
