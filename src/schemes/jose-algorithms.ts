import type { KeyObject } from 'node:crypto'
import type { Algorithm } from './algorithms/algorithm.ts'
import { algorithm } from './algorithms/index.ts'

/** The algorithms of JWA (RFC 7518 section 3.1, RFC 8037) as rows of ours, for whoever plays the sender. */
const rows: Readonly<Record<string, string>> = {
  HS256: 'hmac-sha256', HS384: 'hmac-sha384', HS512: 'hmac-sha512',
  RS256: 'rsa-sha256', RS384: 'rsa-sha384', RS512: 'rsa-sha512', PS256: 'rsa-pss-sha256', PS384: 'rsa-pss-sha384', PS512: 'rsa-pss-sha512',
  ES256: 'ecdsa-p256-sha256-p1363', ES384: 'ecdsa-p384-sha384-p1363', ES512: 'ecdsa-p521-sha512-p1363', EdDSA: 'ed25519',
}

/** The row behind a name of JWA. */
export function joseAlgorithm(name: string): Algorithm | undefined {
  return algorithm(rows[name] ?? '')
}

/** The first of these that the key can sign with. */
export function joseAlgorithmFor(names: readonly string[], key: KeyObject): { readonly name: string; readonly row: Algorithm } | undefined {
  for (const name of names) {
    const row = joseAlgorithm(name)
    const fits = row?.keys === 'secret' ? key.type === 'secret' : key.type === 'private' && row?.unfit(key) === undefined
    if (row !== undefined && fits) return { name, row }
  }
  return undefined
}
