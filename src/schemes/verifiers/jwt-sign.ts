import { createHash, type KeyObject } from 'node:crypto'
import { joseAlgorithmFor } from '../jose-algorithms.ts'
import { spell } from '../proof.ts'
import type { PublicUrl } from '../public-url.ts'
import type { Report } from '../plan.ts'
import type { Sign, Unsigned } from '../sign.ts'
import type { JwtSettings } from './jwt.ts'
import { queryHash } from './query-hash.ts'

/** Plays a sender whose token speaks for the delivery: the claims that the settings ask for, and an end in a minute. */
export function signToken(settings: JwtSettings, key: KeyObject, url: PublicUrl | undefined, report: Report): Sign | undefined {
  const chosen = joseAlgorithmFor(settings.algorithms, key)
  if (chosen === undefined) return void report({ path: [], what: `the key signs none of ${settings.algorithms.join(', ')}`, mend: 'give one that does' })
  return (unsigned) => {
    const header = { alg: chosen.name, typ: 'JWT', ...(unsigned.keyId === undefined || settings.keyNamedBy === 'iss' ? {} : { kid: unsigned.keyId }) }
    const text = `${part(header)}.${part(claimsOf(settings, unsigned, url))}`
    const signature = spell(chosen.row, 'base64url', [text], key)
    return { headers: [settings.header, `${settings.prefix ?? ''}${text}.${signature}`], query: undefined, marks: { signature } }
  }
}

function claimsOf(settings: JwtSettings, unsigned: Unsigned, url: PublicUrl | undefined): Record<string, unknown> {
  const { issuer, audience, body, url: urlClaim, query, keyNamedBy, idClaim, claims = {} } = settings
  const named = keyNamedBy === 'iss' ? unsigned.keyId : undefined
  const now = Math.floor(unsigned.at / 1000)
  const whole = url?.whole(unsigned.path, unsigned.query)
  const hashed = body !== undefined && (unsigned.body.length > 0 || body.whenEmpty === 'hashed')
  return {
    ...claims, iat: now, exp: now + 60, ...(issuer && { iss: issuer[0] }), ...(named !== undefined && { iss: named }), ...(audience && { aud: audience[0] }),
    ...(hashed && { [body.claim]: createHash('sha256').update(unsigned.body).digest(body.encoding) }),
    ...(urlClaim && whole !== undefined && { [urlClaim.claim]: createHash('sha256').update(whole, 'latin1').digest(urlClaim.encoding) }),
    ...(query && { [query.claim]: queryHash(unsigned, query.basePath) }),
    ...(idClaim === undefined ? {} : { [idClaim]: unsigned.id }),
  }
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
