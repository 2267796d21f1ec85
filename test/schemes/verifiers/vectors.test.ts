import t from 'tap'
import { schemeSchema, type SchemeInput } from '../../../src/schemes/document.ts'
import { compiled, deliveryOf, judge, keysOf, vectorsOf } from '../../support/vectors.ts'

/** Published messages for the built-in verifiers, set as the messages need it: the standards' samples cover too little for a policy. */
const cases: [string, SchemeInput][] = [
  ['rfc9421', { verifier: { kind: 'rfc9421', covered: [] } }],
  ['http-signatures-cavage', { verifier: { kind: 'cavage', covered: ['date'] } }],
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
