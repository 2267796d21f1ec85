import 'reflect-metadata'
import { X509Certificate } from '@peculiar/x509'
import t from 'tap'
import { makeKeys, writePrivateKey } from '../../src/pki/keys.ts'
import { issueRevocationList } from '../../src/pki/revocation-list.ts'
import { startGateway, type GatewayOptions } from '../support/gateway.ts'
import { keyUsage, oddCertificate, usual } from '../support/odd.ts'
import { day, hour } from '../support/pki.ts'
import { rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/** RFC 5280 sections 4.2.1.3 and 6.3.3 (f): an authority whose key usage lacks `cRLSign` has no say in who is revoked. */

const post = 'POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}'
const [basic] = usual.authority()
const mayBoth = [basic as never, keyUsage('keyCertSign', 'cRLSign')]
const rows = [
  { name: 'key usage with cRLSign', extensions: mayBoth, verdict: 'accepted' },
  { name: 'no key usage', extensions: [basic as never], verdict: 'accepted' },
  { name: 'key usage without cRLSign', extensions: [basic as never, keyUsage('keyCertSign')], verdict: 'revocation-unknown' },
  { name: 'a key usage of one bit more than a byte, without cRLSign', extensions: [basic as never, keyUsage('keyCertSign', 'decipherOnly')], verdict: 'revocation-unknown' },
] as const

async function family(extensions: ReturnType<typeof usual.authority>) {
  const [rootKeys, middleKeys, keys] = [await makeKeys('ec'), await makeKeys('ec'), await makeKeys('ec')]
  const root = await oddCertificate({ subject: 'CN=Root', keys: rootKeys, extensions: mayBoth })
  const top = { certificate: new X509Certificate(root), keys: rootKeys }
  const middle = await oddCertificate({ subject: 'CN=Middle', keys: middleKeys, by: top, extensions })
  const by = { certificate: new X509Certificate(middle), keys: middleKeys }
  const leaf = await oddCertificate({ subject: 'CN=sender', keys, by, extensions: usual.leaf() })
  const listOf = (authority: typeof by) => issueRevocationList(authority, { revoked: [], number: 1, thisUpdate: Date.now() - hour, nextUpdate: Date.now() + day })
  return { root, middle, chain: leaf + middle, key: await writePrivateKey(keys.privateKey), lists: await Promise.all([listOf(top), listOf(by)]) }
}

t.test('an intermediate that comes with the sender', async (t) => {
  for (const { name, extensions, verdict } of rows) {
    const { root, chain, key, lists } = await family([...extensions])
    const receiver = await startReceiver()
    t.teardown(() => receiver.close())
    const gateway = await startGateway(t, scene(receiver.port, { 'senders.pem': root, 'lists.crl': lists.join('') }))
    const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate, cert: chain, key })
    t.teardown(() => client.close())
    const { status, body } = await client.send(post).response()
    t.equal(status === 200 ? 'accepted' : (JSON.parse(body.toString()) as { reason: string }).reason, verdict, name)
    t.equal(receiver.seen.length, verdict === 'accepted' ? 1 : 0, `${name}: what the receiver saw`)
    if (verdict !== 'accepted') t.match((await gateway.audit(1))[0], { facts: { error: 'KEYUSAGE_NO_CRL_SIGN', authority: 'CN=Middle' } })
  }
})

t.test('an authority of the listener: the file is an error that says why', async (t) => {
  for (const { name, extensions, verdict } of rows) {
    const { root, middle, lists } = await family([...extensions])
    const started = startGateway(t, scene(1, { 'senders.pem': root + middle, 'lists.crl': lists.join('') }))
    if (verdict === 'accepted') await started
    else await t.rejects(started, { message: /crl\[0\]: .*names CN=Middle as its issuer, but that may not sign lists \(its key usage lacks cRLSign\)/ }, name)
  }
})

function scene(receiver: number, files: Record<string, string>): GatewayOptions {
  return {
    receiver, routes: [{ certificate: {} }], files: () => Promise.resolve(files),
    clientCertificate: { ca: ['senders.pem'], crl: ['lists.crl'] },
  }
}
