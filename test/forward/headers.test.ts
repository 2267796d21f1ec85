import fc from 'fast-check'
import t from 'tap'
import type { PeerCertificate } from '../../src/core/delivery.ts'
import { Headers } from '../../src/core/headers.ts'
import { towardsReceiver as towards, towardsSender, type Introduction } from '../../src/forward/headers.ts'

const certificate: PeerCertificate = {
  der: Uint8Array.of(0x30, 0x03, 0x02, 0x01, 0x2a), issuers: [], links: [], ocsp: undefined, trust: 'trusted', subject: [], issuer: [], names: [], fingerprint: '',
  keyFingerprint: '', serial: '2a', notBefore: 0, notAfter: 0, extendedKeyUsage: [], vouchedBy: () => false, intermediates: [], shownTo: [],
}
const towardsReceiver = (raw: readonly string[], said: Introduction) => towards(new Headers(raw), said)
const introduction: Introduction = {
  id: 'AAAAAAAAAAAAAAAAAAAAAA', route: 'stripe', sender: 'CN=sender', from: '203.0.113.7', host: 'hooks.example.com', certificate, certificateHeaders: ['Client-Cert'],
}
const ours = [
  'X-Forwarded-For', '203.0.113.7', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'hooks.example.com', 'Sallyport-Route', 'stripe',
  'Sallyport-Delivery', 'AAAAAAAAAAAAAAAAAAAAAA', 'Sallyport-Sender', 'CN=sender', 'Client-Cert', ':MAMCASo=:',
]

/** What is left of the sender's lines. */
function kept(...raw: string[]): string[] {
  return towardsReceiver(raw, introduction).slice(0, -ours.length)
}

const dropped = [
  'Host', 'Content-Length', 'Expect', 'Connection', 'Keep-Alive', 'Proxy-Connection', 'Proxy-Authorization', 'TE', 'Trailer',
  'Transfer-Encoding', 'Upgrade', 'HTTP2-Settings', 'Proxy',
  'Forwarded', 'X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'X-Forwarded-Port', 'X-Forwarded-Prefix', 'X-Forwarded-Server',
  'X-Forwarded-Client-Cert', 'X-Forwarded-Tls-Client-Cert', 'X-Forwarded-User', 'X-Forwarded', 'X-Real-IP', 'Client-Cert',
  'Client-Cert-Chain', 'X-Client-Cert', 'X-Client-Certificate', 'Sallyport-Route', 'Sallyport-Sender', 'Sallyport-Delivery', 'Sallyport-Anything',
  'X-Original-URL', 'X-Original-Host', 'X-Original-Forwarded-For', 'X-Rewrite-URL', 'X-HTTP-Method-Override', 'X-SSL-Client-Verify',
  'SSL-Client-S-DN', 'True-Client-IP', 'X-Client-IP', 'X-Remote-User', 'X-Envoy-External-Address', 'X-Auth-Request-User',
  'X-Amzn-Mtls-Clientcert', 'X-ARR-ClientCert', 'Cf-Client-Cert-Der-Base64',
]
for (const name of dropped) {
  for (const spelled of [name, name.toLowerCase(), name.toUpperCase(), name.replaceAll('-', '_'), name.replaceAll('-', '.')]) {
    t.strictSame(kept('A', '1', spelled, 'x', 'B', '2'), ['A', '1', 'B', '2'], `drops ${spelled}`)
  }
}

const passed = [
  'traceparent', 'tracestate', 'Stripe-Signature', 'X-Hub-Signature-256', 'X-GitHub-Delivery', 'webhook-id', 'webhook-signature',
  'X-Slack-Request-Timestamp', 'Signature', 'Signature-Input', 'Content-Digest', 'Authorization', 'Content-Type', 'Content-Encoding', 'User-Agent',
  'Accept-Encoding', 'Cookie', '__proto__', 'constructor', 'x-forward', 'Clients', 'sally', 'te-x', 'X-Client-Id',
]
for (const name of passed) t.strictSame(kept(name, 'x'), [name, 'x'], `passes ${name}`)

t.strictSame(towardsReceiver([], introduction), ours, 'what the gateway says')
t.strictSame(towardsReceiver(['Client-Cert', 'forged', 'Sallyport-Sender', 'forged'], { ...introduction, sender: undefined, certificate: undefined }),
  ours.slice(0, 10), 'drops also what it has nothing to say about')
t.notOk(towardsReceiver([], { ...introduction, certificate: { ...certificate, trust: { error: 'CERT_HAS_EXPIRED' } } }).includes('Client-Cert'),
  'a certificate that is not trusted is not told')
t.ok(towardsReceiver([], { ...introduction, sender: 'CN=a\r\nX: ü%' }).includes('CN=a%0D%0AX: %C3%BC%25'), 'no sender breaks out of its line')

t.strictSame(kept('X-A', '1', 'Connection', 'close, x-a ,X_B', 'X-B', '2', 'X-C', '3'), ['X-C', '3'], 'what Connection names')
t.strictSame(kept('CONNECTION', 'x-a', 'X-A', '1', 'connection', 'x-c', 'x-c', '3'), [], 'in several lines')
t.strictSame(towardsReceiver(['Connection', 'X-Forwarded-For, Client-Cert, Sallyport-Sender'], introduction), ours, 'what we say cannot be named away')
t.strictSame(kept('x-a', '1', 'X-A', '2', 'x-a', '1'), ['x-a', '1', 'X-A', '2', 'x-a', '1'], 'order, spelling and repetition stay')

t.test('replies', async (t) => {
  const reply = ['Content-Type', 'a/b', 'Connection', 'close, x-hop', 'X-Hop', '1', 'Transfer-Encoding', 'chunked', 'Keep-Alive', 'timeout=5',
    'Trailer', 'x', 'Upgrade', 'h2c', 'Set-Cookie', 'a', 'set-cookie', 'b', 'Content-Length', '3', 'Sallyport_Duplicate', 'true', 'X-Forwarded-For', 'y']
  t.strictSame(towardsSender(204, ['Content-Length', '3', 'X', '1']), ['X', '1'])
  t.strictSame(towardsSender(200, reply), ['Content-Type', 'a/b', 'Set-Cookie', 'a', 'set-cookie', 'b', 'Content-Length', '3', 'X-Forwarded-For', 'y'])
})

t.test('no forbidden header gets through, whatever its spelling', async () => {
  const spelled = fc.constantFrom(...dropped).chain((name) =>
    fc.tuple(...[...name].map((one) => one === '-' ? fc.constantFrom('-', '_', '.', '~', '!', '|') : fc.constantFrom(one.toLowerCase(), one.toUpperCase())))
      .map((all) => all.join('')))
  const line = fc.tuple(fc.oneof(spelled, fc.constantFrom(...passed), fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/)),
    fc.constantFrom('forged', 'x-a, x-forwarded-for'))
  const forbidden = new Set(dropped.map((name) => name.toLowerCase()))
  const ruled = /^(forwarded|x-forwarded|x-real-ip|client-cert|x-client-cert|sallyport)/
  fc.assert(fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
    for (const [at, name] of kept(...lines.flat()).entries()) {
      const form = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')
      if (at % 2 === 0 && (forbidden.has(form) || ruled.test(form))) throw new Error(name)
    }
  }), { numRuns: 3000 })
})
