import { createPublicKey } from 'node:crypto'
import t from 'tap'
import { checkContentDigest } from '../../../src/schemes/body-digest.ts'
import { schemeSchema, type SchemeInput } from '../../../src/schemes/document.ts'
import { httpAlgorithmNames, provesByKey } from '../../../src/schemes/http-algorithms.ts'
import { compiled, deliveryOf, judge, keysOf, vectorsOf } from '../../support/vectors.ts'

/** Published messages for the built-in verifiers, set as the messages need it: the standards' samples cover too little for a policy. */
const cases: [string, SchemeInput][] = [
  ['rfc9421', { verifier: { kind: 'rfc9421', covered: [], uncoveredBody: 'allow', algorithms: [...httpAlgorithmNames] } }],
  ['http-signatures-cavage', { verifier: { kind: 'cavage', covered: ['date'], uncoveredBody: 'allow' } }],
  ['messagebird', {
    verifier: {
      kind: 'jwt', header: 'MessageBird-Signature-JWT', algorithms: ['HS256', 'HS384', 'HS512'], issuer: ['MessageBird'],
      body: { claim: 'payload_hash', whenEmpty: 'absent' }, url: { claim: 'url_hash' }, idClaim: 'jti',
    },
  }],
]

for (const [provider, document] of cases) {
  t.test(provider, async (t) => {
    for (const vector of vectorsOf(provider).filter(({ method }) => !method.startsWith('RESPONSE'))) {
      const keys = keysOf(vector)
      const given = vector.algorithm === 'hmac-sha256' && provider === 'rfc9421'
        ? { secrets: keys.secrets?.map((one) => ({ ...one, bytes: Buffer.from(String(vector.secret), 'base64') })) ?? [] } : keys
      const { scheme, problems } = compiled(schemeSchema.parse(document), given, provider === 'messagebird' ? vector.url : undefined)
      const said = scheme === undefined ? JSON.stringify(problems) : await judge(scheme, deliveryOf(vector))
      t.equal(said === 'signed' ? 'valid' : 'invalid', vector.expect, `${vector.name}: ${said} ${vector.invalidBecause ?? ''}`)
    }
  })
}

t.test('RFC 9421 appendix B.2.4 is a response: its signature holds, and it is no request', async (t) => {
  const vector = vectorsOf('rfc9421').find(({ name }) => name === 'B.2.4 as printed')
  if (vector === undefined) throw new Error('B.2.4 is gone')
  const { headers } = vector
  const input = String(headers['Signature-Input'])
  const base = [
    '"@status": 200', `"content-type": ${String(headers['Content-Type'])}`, `"content-digest": ${String(headers['Content-Digest'])}`,
    `"content-length": ${String(headers['Content-Length'])}`, `"@signature-params": ${input.slice(input.indexOf('=') + 1)}`,
  ].join('\n')
  const signature = Buffer.from(String(headers['Signature']).slice('sig-b24=:'.length, -1), 'base64')
  t.ok(provesByKey(['ecdsa-p256-sha256'], [base], createPublicKey(vector.publicKey ?? ''), signature))
  t.notOk(provesByKey(['ecdsa-p256-sha256'], [`${base} `], createPublicKey(vector.publicKey ?? ''), signature))
  t.equal(checkContentDigest(String(headers['Content-Digest']), Buffer.from(vector.bodyBase64, 'base64')), 'right')
  const { scheme } = compiled(schemeSchema.parse({ verifier: { kind: 'rfc9421', covered: [] } }), keysOf(vector))
  t.equal(scheme && await judge(scheme, { ...deliveryOf(vector), method: 'POST' }), 'signature-malformed')
})

t.test('every request of RFC 9421 appendix B is here', (t) => {
  const names = vectorsOf('rfc9421').filter(({ expect }) => expect === 'valid').map(({ name }) => name)
  for (const section of ['B.2.1', 'B.2.2', 'B.2.3', 'B.2.4', 'B.2.5', 'B.2.6', 'B.3', 'B.4']) t.ok(names.some((name) => name.startsWith(section)), section)
  t.same(new Set(vectorsOf('rfc9421').map(({ algorithm }) => algorithm)), new Set(httpAlgorithmNames.filter((name) => name !== 'ecdsa-p384-sha384')))
  t.end()
})
