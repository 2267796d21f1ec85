import type { JsonGeneralName } from '@peculiar/x509'
import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { oddCertificate, usual } from '../support/odd.ts'
import { makeKeys, writePrivateKey } from '../../src/pki/keys.ts'
import { rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/** A name in a real certificate, and a route that asks for one: over the wire, as OpenSSL hands it on. */
const uri = (value: string): JsonGeneralName => ({ type: 'url', value })
const email = (value: string): JsonGeneralName => ({ type: 'email', value })
const ip = (value: string): JsonGeneralName => ({ type: 'ip', value })
const yes = 'accepted'
const no = 'certificate-not-allowed'

const rows: [pattern: string, name: JsonGeneralName | string, verdict: string][] = [
  // wildcards: the leftmost label, whole, and no address
  ['dns:a.example.com', 'a.example.com', yes], ['dns:a.example.com', 'A.Example.COM', yes], ['dns:*.example.com', 'a.example.com', yes],
  ['dns:a.example.com', '*.example.com', no], ['dns:*.example.com', '*.example.com', yes], ['dns:*.example.com', 'a.*.com', no],
  ['dns:*.example.com', 'a*.example.com', no], ['dns:*.example.com', '*a.example.com', no], ['dns:*.example.com', '**.example.com', no],
  ['dns:*.example.com', '*.*.example.com', no], ['dns:*.example.com', 'a.b.example.com', no], ['dns:*.example.com', 'example.com', no],
  ['dns:*.example.com', 'a.example.com.', no], ['dns:*.example.com', '.example.com', no], ['dns:*.example.com', 'a..example.com', no],
  ['dns:*.example.com', 'xn--a.example.com', yes], ['dns:*.example.com', 'a_b.example.com', yes], ['dns:a.example.com', ' a.example.com', no],
  // NUL, line breaks and commas
  ['dns:a.example.com', 'a.example.com\0.evil.example', no], ['dns:a.example.com', 'a.example.com\n', no], ['dns:a.example.com', 'x, DNS:a.example.com', no],
  ['dns:a.example.com', 'x\nDNS:a.example.com', no], ['dns:a.example.com', '"a.example.com"', no], ['dns:a.example.com', uri('x, DNS:a.example.com'), no],
  // addresses
  ['ip:192.0.2.1', ip('192.0.2.1'), yes], ['ip:192.0.2.1', '192.0.2.1', no], ['ip:2001:db8::1', ip('2001:db8:0::1'), yes], ['ip:192.0.2.1', ip('::ffff:192.0.2.1'), no],
  ['dns:a.example.com', ip('192.0.2.1'), no],
  // international names
  ['dns:bücher.example', 'xn--bcher-kva.example', yes], ['dns:bücher.example', 'XN--BCHER-KVA.example', yes], ['dns:bücher.example', 'bucher.example', no],
  ['dns:xn--bcher-kva.example', 'xn--bcher-kva.example', yes],
  // e-mail: the part before the @ counts its case, the host does not
  ['email:Ops@example.com', email('Ops@EXAMPLE.com'), yes], ['email:Ops@example.com', email('ops@example.com'), no], ['email:ops@example.com', email('ops@example.com@evil.example'), no],
  ['email:ops@example.com', 'ops@example.com', no], ['email:ops@example.com', email('"ops"@example.com'), no],
  // SPIFFE
  ['uri:spiffe://partner/hooks', uri('spiffe://partner/hooks'), yes], ['uri:spiffe://partner/hooks', uri('SPIFFE://Partner/hooks'), yes],
  ['uri:spiffe://partner/hooks', uri('spiffe://partner/Hooks'), no], ['uri:spiffe://partner/hooks', uri('spiffe://partner:443/hooks'), no],
  ['uri:spiffe://partner/hooks', uri('spiffe://user@partner/hooks'), no], ['uri:spiffe://partner/hooks', uri('spiffe://partner/hooks?a'), no],
  ['uri:spiffe://partner/hooks', uri('spiffe://partner/hooks#a'), no], ['uri:spiffe://partner/hooks', uri('spiffe://partner/hooks/'), no],
  ['uri:spiffe://partner/*', uri('spiffe://partner/a/b'), yes], ['uri:spiffe://partner/*', uri('spiffe://partner:8443/a'), no],
  ['uri:spiffe://partner/*', uri('spiffe://partner.evil/a'), no], ['uri:spiffe://partner/*', uri('spiffe://evil/spiffe://partner/a'), no],
  ['uri:spiffe://partner/*', uri('spiffe://partner@evil/a'), no], ['uri:spiffe://partner/*', uri('spiffe://partner/a?b=c'), no],
  ['uri:spiffe://partner/*', uri('spiffe://partner/../evil/a'), no], ['uri:spiffe://partner/*', uri('spiffe://partner/%2e%2e/a'), no],
  ['uri:spiffe://partner/*', uri('spiffe://partner/'), no], ['uri:spiffe://partner/*', uri('spiffe://partner'), no], ['uri:spiffe://partner/*', uri('spiffe:/partner/a'), no],
  ['uri:spiffe://partner/hooks', 'spiffe://partner/hooks', no],
]

t.test('every name, on the route that asks for it', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, {
    receiver: receiver.port,
    routes: rows.map(([pattern], at) => ({ match: { path: `/row-${at}` }, certificate: { san: [pattern] } })),
  })
  const keys = await makeKeys('ec')
  const key = await writePrivateKey(keys.privateKey)
  for (const [at, [pattern, name, verdict]] of rows.entries()) {
    const seen = receiver.seen.length
    const cert = await oddCertificate({ subject: 'CN=a.example.com', keys, by: gateway.pki.ca.authority, extensions: usual.leaf(name) })
    const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate, cert, key })
    const { status, body } = await client.send(`POST /row-${at} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`).response()
    client.close()
    const said = status === 200 ? yes : (JSON.parse(body.toString()) as { reason: string }).reason
    t.equal(said, verdict, `${pattern} and ${JSON.stringify(name)}`)
    t.equal(receiver.seen.length, verdict === yes ? seen + 1 : seen)
  }
})
