import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { makeCa } from '../support/pki.ts'
import { rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/** What a receiver hears of the sender's certificate: what the route says, from us alone. */
const forged = [
  'Client-Cert: :AAAA:', 'client_cert: :AAAA:', 'Client-Cert-Chain: :AAAA:', 'CLIENT-CERT-CHAIN: :BBBB:', 'X-Forwarded-Client-Cert: Hash=0', 'x-forwarded-client-cert: By=a;Hash=0',
  'X_Forwarded_Client_Cert: Hash=0', 'x.client~cert!chain: :AAAA:', 'X-Forwarded-Client-Cert-Chain: x', 'X-Client-Cert-Chain: x', 'Client-Cert-Subject: x', 'X-Forwarded-Tls-Client-Cert: x', 'X-SSL-Client-Cert: x', 'SSL-CLIENT-CERT: x', 'SSL_CLIENT_CERT: x', 'X-SSL-CERT: x', 'X-Amzn-Mtls-Clientcert: x', 'X-ARR-ClientCert: x', 'Cf-Client-Cert-Der-Base64: x', 'X.Forwarded.Client.Cert: Hash=0', 'Client.Cert: :AAAA:', 'X-Client-Cert: x',
]
const post = (path: string, more: readonly string[] = forged): string => [`POST ${path} HTTP/1.1`, 'Host: localhost', 'Content-Length: 2', ...more, '', '{}'].join('\r\n')

t.test('each route tells what it says, and nothing forged stands beside it', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const forward = (...certificate: string[]) => ({ to: 'target', certificate })
  const { port, pki, gateway, write, settings, directory } = await startGateway(t, {
    receiver: receiver.port,
    files: async ({ ca }) => {
      const named = await ca.server(['localhost'], { names: ['dns:localhost', 'uri:spiffe://edge/gateway'] })
      return { 'named.pem': named.chain, 'named.key': named.key }
    },
    routes: [
      { match: { path: '/default' }, certificate: { optional: true }, open: true },
      { match: { path: '/chain' }, certificate: {}, forward: forward('Client-Cert', 'Client-Cert-Chain') },
      { match: { path: '/envoy' }, certificate: {}, forward: forward('X-Forwarded-Client-Cert') },
      { match: { path: '/none' }, certificate: {}, forward: forward() },
      { match: { path: '/unasked' }, open: true, forward: forward('Client-Cert', 'Client-Cert-Chain', 'X-Forwarded-Client-Cert') },
    ],
    listener: {}, settings: {},
  })
  t.ok(directory)
  const [listener] = settings['listeners'] as [{ tls: object }]
  write({ ...settings, listeners: [{ ...listener, tls: { ...listener.tls, certificate: 'named.pem', key: 'named.key' } }] })
  t.equal(await gateway.reload(), 'taken')
  const sender = await pki.intermediate.client()
  const toldOn = async (path: string, shown: object): Promise<string[]> => {
    const client = await rawTls(port, { ca: pki.ca.certificate, servername: 'localhost', ...shown })
    t.equal((await client.send(post(path)).response()).status, 200, path)
    client.close()
    const lines = receiver.seen.at(-1)?.headers ?? []
    return lines.flatMap((name, at) => (at % 2 === 0 && /cert/i.test(name) ? [`${name}: ${lines[at + 1]}`] : []))
  }
  const shown = { cert: sender.chain, key: sender.key }
  const leaf = `Client-Cert: :${sender.der.toString('base64')}:`
  t.same(await toldOn('/default', shown), [leaf])
  t.same(await toldOn('/default', {}), [], 'none shown, none told')
  t.same(await toldOn('/chain', shown), [leaf, `Client-Cert-Chain: :${new X509Certificate(pki.intermediate.certificate).raw.toString('base64')}:`])
  t.same(await toldOn('/none', shown), [])
  t.match(await toldOn('/envoy', shown), [new RegExp(`^X-Forwarded-Client-Cert: By=spiffe://edge/gateway;Hash=${new X509Certificate(sender.certificate).fingerprint256.replaceAll(':', '').toLowerCase()};Cert=".*";Chain=".*";Subject="CN=sender";DNS=sender\\.example$`)])
  const stranger = await (await makeCa()).client()
  t.same(await toldOn('/unasked', { cert: stranger.chain, key: stranger.key }), [], 'shown, not trusted, not told')
  t.equal((await toldOn('/unasked', shown)).length, 3, 'trusted, and told where nobody asked for it')
  t.equal(receiver.seen.length, 7)
})

t.test('a chain without its leaf, and a header twice, are mistakes of the operator', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  for (const [certificate, what] of [[['Client-Cert-Chain'], /never stands alone/], [['Client-Cert', 'Client-Cert'], /twice/], [['X-Client-Cert'], /known values/]] as const) {
    await t.rejects(startGateway(t, { receiver: receiver.port, routes: [{ certificate: {}, forward: { to: 'target', certificate } }] }), { message: what })
  }
})
