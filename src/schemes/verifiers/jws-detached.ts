import type { KeyObject } from 'node:crypto'
import { compactVerify, errors } from 'jose'
import { z } from 'zod'
import { refuse, type Verdict } from '../../core/verdict.ts'
import { bytesOf, viewOf } from '../encoding.ts'
import type { Verifiable } from '../reading.ts'
import type { SignatureReason } from '../scheme.ts'
import { keyName, publicAlgorithms, publicSource, type KeySource } from './json-web-keys.ts'
import { defineVerifier, headerOf, malformedAt, proven } from './verifier.ts'

const settings = z.strictObject({
  kind: z.literal('jws-detached').describe('A JWS whose payload is the body itself (RFC 7515 appendix F): `header..signature`.'),
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
    return keys && ((delivery) => verify(settings, keys, delivery))
  },
})

async function verify(settings: Settings, keys: KeySource, delivery: Verifiable): Promise<Verdict<SignatureReason>> {
  const name = settings.header.toLowerCase()
  const written = headerOf(delivery, name)
  if (typeof written !== 'string') return written
  const [header = '', payload, signature = '', ...more] = written.split('.', 4)
  const kid = keyName(header)
  if (payload !== '' || signature === '' || more.length > 0 || kid === undefined) return malformedAt(`header ${name}`, 'is not header..signature')
  const candidates = await keys(kid.name)
  if (candidates.length === 0) return refuse('key-unknown')
  const token = `${header}.${viewOf(delivery.body).toString('base64url')}.${signature}`
  for (const key of candidates) {
    const said = await isSigned(token, key.object, settings)
    if (said === 'signed') return proven({ material: [bytesOf(`${header}.`), delivery.body], at: undefined, id: undefined, key: key.reference })
    if (said === 'malformed') return malformedAt(`header ${name}`, 'is no JWS of an algorithm that is taken')
  }
  return refuse('signature-mismatch', { keys: candidates.length })
}

async function isSigned(token: string, key: KeyObject, { algorithms }: Settings): Promise<'signed' | 'not' | 'malformed'> {
  try {
    await compactVerify(token, key, { algorithms: [...algorithms] })
    return 'signed'
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof TypeError) return 'not'
    if (error instanceof errors.JOSEError) return 'malformed'
    throw error
  }
}
