import type { X509Certificate } from 'node:crypto'

/** More than any honest sender sends: where there are more, no way counts. */
const mostSent = 16

/** The ways from a leaf up to the listener's self-signed authorities, each link with its signature verified. */
export interface Chain {
  /** Every certificate that stands on one of the ways, nearest first, without the leaf. Empty where no way leads up. */
  readonly issuers: readonly X509Certificate[]
  /** Those of them that are not one of the roots. */
  readonly intermediates: readonly X509Certificate[]
  /** Every certificate of the ways, roots aside, with each of its issuers there. */
  readonly links: readonly (readonly [one: X509Certificate, issuer: X509Certificate])[]
  /** Does every way pass one of these authorities (by `fingerprintOf`)? False where no way leads up. */
  readonly passes: (authorities: ReadonlySet<string>) => boolean
}

/**
 * OpenSSL does not tell which way it took when it verified a chain. It is among the ways found here, so what holds for
 * all of these holds for that one, path lengths and name constraints included. Like OpenSSL, we prefer a known
 * authority to a certificate that the sender sent. Where we could miss its way, there is none: refused, never guessed.
 */
export function buildChain(leaf: X509Certificate, sent: readonly X509Certificate[], authorities: readonly X509Certificate[]): Chain {
  const pool = distinct([...authorities, ...sent])
  const known = new Set(authorities)
  const above = (one: X509Certificate) => pool.filter((issuer) => isIssuedBy(one, issuer))
  const up = walk([leaf], above)
  // Whoever was not looked at, or issues without being an authority by our reading, may stand on OpenSSL's way all the same.
  if (sent.length > mostSent || up.some((one) => pool.some((other) => !other.ca && hasSigned(other, one)))) return noWay
  const roots = new Set(up.filter((one) => known.has(one) && isIssuedBy(one, one)))
  const complete = new Set(walk([...roots], (issuer) => up.filter((one) => isIssuedBy(one, issuer))))
  const links = (one: X509Certificate) => {
    const issuers = roots.has(one) ? [] : above(one).filter((issuer) => complete.has(issuer))
    const preferred = issuers.filter((issuer) => known.has(issuer))
    return preferred.length > 0 ? preferred : issuers
  }
  const issuers = walk([leaf], links).slice(1)
  return {
    issuers,
    intermediates: issuers.filter((one) => !roots.has(one)),
    links: [leaf, ...issuers].flatMap((one) => links(one).map((issuer) => [one, issuer] as const)),
    passes: (wanted) => issuers.length > 0
      && !walk([leaf], (one) => links(one).filter((issuer) => !wanted.has(fingerprintOf(issuer)))).some((one) => roots.has(one)),
  }
}

/** Would `buildChain` look at all of these, and take each of them for an authority? */
export function isUsual(sent: readonly X509Certificate[]): boolean {
  return sent.length <= mostSent && sent.every((one) => one.ca)
}

const belowRoots = new WeakMap<readonly X509Certificate[], WeakMap<X509Certificate, boolean>>()

/**
 * Did roots among these authorities issue it, and could nobody else of them have? Then what is sent behind it counts for
 * nothing: OpenSSL looks for an issuer among the authorities first (X509_V_FLAG_TRUSTED_FIRST, always on since 1.1.0), and a
 * root ends the way. Asked once for each certificate and list.
 */
export function isBelowRoots(leaf: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  const known = belowRoots.get(authorities)?.get(leaf)
  if (known !== undefined) return known
  const possible = authorities.filter((one) => leaf.checkIssued(one))
  const answer = possible.length > 0 && possible.every((one) => isIssuedBy(leaf, one) && isIssuedBy(one, one))
  const answers = belowRoots.get(authorities) ?? new WeakMap<X509Certificate, boolean>()
  belowRoots.set(authorities, answers.set(leaf, answer))
  return answer
}

const noWay: Chain = { issuers: [], intermediates: [], links: [], passes: () => false }

/** SHA-256 of the DER, 64 lower-case hex digits. */
export function fingerprintOf(one: X509Certificate): string {
  return one.fingerprint256.replaceAll(':', '').toLowerCase()
}

const verified = new WeakMap<X509Certificate, WeakMap<X509Certificate, boolean>>()

/** Name, key identifier and key usage agree, and the signature verifies. Asked once for each pair. */
export function isIssuedBy(one: X509Certificate, issuer: X509Certificate): boolean {
  const answers = verified.get(one) ?? new WeakMap<X509Certificate, boolean>()
  verified.set(one, answers)
  const answer = answers.get(issuer) ?? verifyLink(one, issuer)
  answers.set(issuer, answer)
  return answer
}

function verifyLink(one: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && hasSigned(issuer, one)
}

function hasSigned(issuer: X509Certificate, one: X509Certificate): boolean {
  try {
    return one.checkIssued(issuer) && one.verify(issuer.publicKey)
  } catch {
    return false // a key that OpenSSL cannot use
  }
}

/** The first of each, by content. */
function distinct(certificates: readonly X509Certificate[]): X509Certificate[] {
  const found = new Map<string, X509Certificate>()
  for (const one of certificates) if (!found.has(one.fingerprint256)) found.set(one.fingerprint256, one)
  return [...found.values()]
}

/** Everything that can be reached, in the order in which it was found; each one is looked at once. */
function walk(from: readonly X509Certificate[], next: (one: X509Certificate) => readonly X509Certificate[]): X509Certificate[] {
  const seen = new Set(from)
  for (const one of seen) for (const other of next(one)) seen.add(other)
  return [...seen]
}
