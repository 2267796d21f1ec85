import type { KeyObject } from 'node:crypto'
import type { FlattenedJWSInput } from 'jose'
import { z } from 'zod'
import { refuse, type Verdict } from '../../core/verdict.ts'
import { bytesOf, decode, viewOf } from '../encoding.ts'
import { joseAlgorithmFor } from '../jose-algorithms.ts'
import { spell } from '../proof.ts'
import type { Verifiable } from '../reading.ts'
import type { SignatureReason } from '../scheme.ts'
import { publicAlgorithms, publicSource, type KeySource } from './json-web-keys.ts'
import { readHeader, type TokenHeader } from './token-json.ts'
import { defineVerifier, headerOf, malformedAt, ownPrivateKey, proven, type Watch } from './verifier.ts'

const settings = z.strictObject({
  kind: z.literal('jws-detached').describe('A JWS whose payload is the body itself (RFC 7515 appendix F, RFC 7797): `header..signature`.'),
  header: z.string().min(1).describe('The header of the signature.'),
  algorithms: z.array(z.enum(publicAlgorithms)).min(1).describe('The algorithms that are taken.'),
  jwks: z.url({ protocol: /^https$/ }).optional().describe('Where the sender publishes its keys (RFC 7517). `keys` of the route, as PEM, JWK or JWKS, stand in their place.'),
})
type Settings = z.output<typeof settings>

/** Did the sender sign this body with a key of its set? */
export const jwsDetached = defineVerifier({
  settings,
  headers: ({ header }) => [header.toLowerCase()],
  facts: () => ({ timestamped: false, window: undefined, signsId: false }),
  compile(settings, tools) {
    const keys = publicSource(settings.jwks, tools)
    return keys && ((delivery) => verify(settings, keys, delivery, tools.watch))
  },
  sign({ header, algorithms }, tools) {
    const key = ownPrivateKey(tools)
    const chosen = key && joseAlgorithmFor(algorithms, key)
    if (key === undefined || chosen === undefined) return void (key && tools.report({ path: [], what: `the key signs none of ${algorithms.join(', ')}`, mend: 'give one that does' }))
    return ({ body, keyId }) => {
      const head = Buffer.from(JSON.stringify({ alg: chosen.name, ...(keyId === undefined ? {} : { kid: keyId }) })).toString('base64url')
      const signature = spell(chosen.row, 'base64url', [`${head}.${viewOf(body).toString('base64url')}`], key)
      return { headers: [header, `${head}..${signature}`], query: undefined, marks: { signature } }
    }
  },
})

async function verify(settings: Settings, keys: KeySource, delivery: Verifiable, watch?: Watch): Promise<Verdict<SignatureReason>> {
  const name = settings.header.toLowerCase()
  const written = headerOf(delivery, name)
  if (typeof written !== 'string') return written
  const [header = '', payload, signature = '', ...more] = written.split('.', 4)
  const parsed = readHeader(header)
  if (payload !== '' || signature === '' || more.length > 0 || parsed === undefined) return malformedAt(`header ${name}`, 'is not header..signature')
  watch?.signed({ where: `header ${name}`, algorithm: parsed.alg, spelling: 'base64url', texts: [signature], message: [`${header}.`, payloadOf(parsed, delivery.body)] })
  const candidates = await keys(parsed.kid)
  if (candidates.length === 0) return refuse('key-unknown')
  const token = { protected: header, payload: payloadOf(parsed, delivery.body), signature }
  for (const key of candidates) {
    const said = await isSigned(token, key.object, settings)
    if (said === 'malformed' || (said === 'signed' && decode(signature, 'base64url') === undefined)) return malformedAt(`header ${name}`, 'is no JWS of an algorithm that is taken')
    if (said === 'signed') return proven({ material: [bytesOf(`${header}.`), delivery.body], at: undefined, id: undefined, key: key.reference })
  }
  return refuse('signature-mismatch', { keys: candidates.length })
}

/** With `b64: false` (RFC 7797), which `crit` must name, the body goes in as it is; `jose` holds that. */
function payloadOf({ b64 }: TokenHeader, body: Uint8Array): string | Uint8Array {
  return b64 === false ? body : viewOf(body).toString('base64url')
}

async function isSigned(token: FlattenedJWSInput, key: KeyObject, { algorithms }: Settings): Promise<'signed' | 'not' | 'malformed'> {
  const { errors, flattenedVerify } = await import('jose')
  try {
    await flattenedVerify(token, key, { algorithms: [...algorithms] })
    return 'signed'
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof TypeError) return 'not'
    if (error instanceof errors.JOSEError) return 'malformed'
    throw error
  }
}
