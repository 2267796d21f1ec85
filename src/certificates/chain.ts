import type { X509Certificate } from 'node:crypto'

/** More than any honest sender sends; a longer list is cut, and then a route that demands its own CA refuses. */
const mostSent = 16

/**
 * The certificates between a leaf and the listener's authorities: all that stand on some way from the leaf to a
 * self-signed authority, nearest first, each link with its signature verified. OpenSSL's own way is among them, so what
 * holds for all of these ways holds for the one that OpenSSL took (it does not tell which).
 */
export function chainBetween(
  leaf: X509Certificate, sent: readonly X509Certificate[], authorities: readonly X509Certificate[],
): X509Certificate[] {
  const known = new Map<string, X509Certificate>()
  for (const one of [...sent.slice(0, mostSent), ...authorities]) known.set(one.fingerprint256, one)
  const pool = [...known.values()].filter((one) => one.ca)
  const roots = new Set(authorities.filter((one) => isSelfSigned(one)).map((one) => one.fingerprint256))
  const up = walk([leaf], (one) => pool.filter((issuer) => isIssuedBy(one, issuer)))
  const anchors = up.filter((one) => roots.has(one.fingerprint256))
  const down = new Set(walk(anchors, (issuer) => up.filter((one) => isIssuedBy(one, issuer))))
  return up.filter((one) => down.has(one) && one !== leaf)
}

/** Everything that can be reached, in the order in which it was found; each one is looked at once. */
export function walk<T>(from: readonly T[], next: (one: T) => readonly T[]): T[] {
  const seen = new Set(from)
  for (const one of seen) for (const other of next(one)) seen.add(other)
  return [...seen]
}

/** Name, key identifier and key usage agree, and the signature verifies. */
export function isIssuedBy(one: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return issuer.ca && one.checkIssued(issuer) && one.verify(issuer.publicKey)
  } catch {
    return false // a key that OpenSSL cannot use
  }
}

function isSelfSigned(one: X509Certificate): boolean {
  return isIssuedBy(one, one)
}
