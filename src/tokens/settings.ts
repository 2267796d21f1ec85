import { z } from 'zod'
import { duration } from '../core/fields.ts'

/** Signatures of key pairs only. With a MAC, whoever can verify can sign; and an issuer's public key is no secret to sign with. */
const algorithm = z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'])

const oneOrMore = z.union([z.string().min(1).transform((one) => [one]), z.array(z.string().min(1)).min(1)])
const claimValue = z.union([z.string(), z.number(), z.boolean()])
const keys = z.string().regex(/^(https:\/\/|file:)./, 'where the key set is: `https://…` or `file:PATH`')

/** A token that an issuer signs (RFC 7519). */
export const jwt = z.strictObject({
  issuer: oneOrMore.describe('Who signs: `iss`, exactly. Several: one of them.'),
  audience: oneOrMore.describe('Whom it is for: `aud` holds one of them.'),
  algorithms: z.array(algorithm).min(1).describe('The signature algorithms that are taken, and no other.'),
  keys: keys.describe('The issuer’s key set (JWKS): `https://…`, fetched and refreshed, or `file:PATH`.'),
  clockSkew: duration.prefault('1m').describe('How far the issuer’s clock may be off.'),
  maxAge: duration.optional().describe('How long ago it may have been issued (`iat`).'),
  type: z.string().optional().describe('`typ` in its header, `at+jwt`.'),
  claims: z.record(z.string().min(1), z.union([claimValue.transform((one) => [one]), z.array(claimValue).min(1)])).default({})
    .describe('Further claims and what they have to be; of several values one is enough.'),
  certificateBound: z.literal(true).optional()
    .describe('Only tokens that are bound to the sender’s certificate (RFC 8705). Tokens that are bound are always held to it.'),
})

export type JwtSettings = z.output<typeof jwt>

/** Push deliveries of Google (Pub/Sub, Cloud Tasks, Cloud Scheduler): OpenID Connect tokens of a service account. */
export const google = z.strictObject({
  audience: oneOrMore.describe('The audience that the subscription states; its URL, where it states none.'),
  serviceAccount: z.email().describe('The account that the subscription signs with: anybody at Google can get tokens for an audience.'),
})

/** https://docs.cloud.google.com/pubsub/docs/authenticate-push-subscriptions */
export function googleToken({ audience, serviceAccount }: z.output<typeof google>): JwtSettings {
  return jwt.parse({
    issuer: ['https://accounts.google.com', 'accounts.google.com'], audience, algorithms: ['RS256'],
    keys: 'https://www.googleapis.com/oauth2/v3/certs', claims: { email: serviceAccount, email_verified: true },
  })
}
