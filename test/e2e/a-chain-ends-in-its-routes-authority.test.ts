import t from 'tap'
import { makeAuthority } from '../../src/pki/authority.ts'
import { startGateway } from '../support/gateway.ts'
import { makeCa, type Ca, type Identity } from '../support/pki.ts'
import { rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/**
 * One listener, many authorities, and each route trusts its own. OpenSSL says that a chain ends somewhere, and not where: a
 * certificate counts on a route only where every way that it could have taken passes the authority of that route.
 */
const from = Date.now() - 3_600_000
const to = Date.now() + 86_400_000

/** The same name and key, certified by somebody else, or by itself once more. */
async function again(ca: Ca, by?: Ca): Promise<string> {
  const [, name = ''] = /CN=(.*)/.exec(ca.authority.certificate.subject) ?? []
  const made = await makeAuthority({ subject: { CN: name }, keys: ca.authority.keys, notBefore: from, notAfter: to }, by?.authority)
  return `${made.certificate.toString('pem')}\n`
}

const [a, b] = [await makeCa({ name: 'A' }), await makeCa({ name: 'B' })]
const [upper, sibling] = [await a.below({ name: 'Upper' }), await a.below({ name: 'Sibling' })]
const impostor = await a.below({ name: 'Upper' })
const crossed = await a.below({ name: 'Crossed' })
const crossedByB = await again(crossed, b)
const [name1, name2] = [await makeCa({ name: 'Name' }), await makeCa({ name: 'Name' })]
const twin = await makeCa({ name: 'Twin' })
const twinAgain = await again(twin)

const authorities: Record<string, string> = {
  a: a.certificate, b: b.certificate, both: a.certificate + b.certificate, upper: upper.certificate, name1: name1.certificate, name2: name2.certificate,
  twin: twin.certificate, 'twin-again': twinAgain, twins: twin.certificate + twinAgain,
}

const show = async (ca: Ca, ...sent: string[]) => ({ ...await ca.client(), sent })
const rows: readonly [name: string, shown: Identity & { readonly sent: readonly string[] }, letIn: readonly string[]][] = [
  ['below A', await show(a), ['a', 'both']],
  ['below B', await show(b), ['b', 'both']],
  ['below A, and B is sent, too', await show(a, b.certificate), ['a', 'both']],
  ['below an intermediate of A', await show(upper, upper.certificate), ['a', 'both', 'upper']],
  ['below its sibling', await show(sibling, sibling.certificate), ['a', 'both']],
  ['below its sibling, and it is sent, too', await show(sibling, upper.certificate, sibling.certificate), ['a', 'both']],
  ['below one of its name', await show(impostor, impostor.certificate), ['a', 'both']],
  ['cross-signed, the way to A is sent', await show(crossed, crossed.certificate), ['a', 'both']],
  ['cross-signed, the way to B is sent', await show(crossed, crossedByB), ['b', 'both']],
  ['cross-signed, both ways are sent', await show(crossed, crossed.certificate, crossedByB), ['both']],
  ['cross-signed, both ways are sent, B first', await show(crossed, crossedByB, crossed.certificate), ['both']],
  ['two roots of one name', await show(name1), ['name1']],
  ['two roots of one name, the other', await show(name2), ['name2']],
  ['two roots of one name, the other is sent, too', await show(name1, name2.certificate), ['name1']],
  ['two roots of one name and key', await show(twin), ['twins']],
  ['two roots of one name and key, one is sent', await show(twin, twin.certificate), ['twins']],
]

t.test('each chain on the route of each authority', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const names = Object.keys(authorities)
  const { port, pki, audit } = await startGateway(t, {
    receiver: receiver.port, files: async () => Object.fromEntries(names.map((name) => [`${name}.pem`, authorities[name] ?? ''])),
    clientCertificate: { ca: ['a.pem', 'b.pem', 'name1.pem', 'name2.pem', 'twins.pem'] },
    routes: [{ match: { path: '/any' }, certificate: {} }, ...names.map((name) => ({ match: { path: `/${name}` }, certificate: { ca: [`${name}.pem`] } }))],
  })
  let asked = 0
  for (const [name, { certificate, key, sent }, letIn] of rows) {
    for (const route of ['any', ...names]) {
      const seen = receiver.seen.length
      const client = await rawTls(port, { ca: pki.ca.certificate, cert: certificate + sent.join(''), key, servername: 'localhost' })
      const { status } = await client.send(`POST /${route} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}`).response()
      client.close()
      const isIn = route === 'any' || letIn.includes(route)
      t.equal(status, isIn ? 200 : 403, `${name}, /${route}`)
      t.equal(receiver.seen.length, isIn ? seen + 1 : seen, `${name}, /${route}: what the receiver saw`)
      asked++
    }
  }
  const refused = (await audit(asked)).filter(({ verdict }) => verdict === 'refused')
  t.ok(refused.every((one) => one['reason'] === 'certificate-untrusted' && (one['facts'] as { demand?: string }).demand === 'ca'), 'each with its reason')
})
