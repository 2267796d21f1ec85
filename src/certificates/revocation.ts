import type { X509Certificate } from 'node:crypto'
import type { Facts } from '../core/verdict.ts'
import type { Instant } from '../core/units.ts'
import { maySignLists, type RevocationList } from './revocation-list.ts'

/** OpenSSL's word for what is wrong, and what an operator needs to mend it. */
export interface TrustError { readonly error: string; readonly facts: Facts }

/**
 * Is any of these certificates revoked, or is it not known? Each but the roots needs a list that its issuer signed and
 * that holds now: no list, an old one or a wrongly signed one means that nobody can say, and then nobody gets in.
 * `links` are the pairs of a certificate and its issuer.
 */
export function findRevocation(
  links: readonly (readonly [one: X509Certificate, issuer: X509Certificate])[], lists: readonly RevocationList[], now: Instant,
): TrustError | undefined {
  let unknown: TrustError | undefined
  for (const [one, issuer] of links) {
    const named = lists.filter((list) => list.names(issuer))
    const signed = named.filter((list) => list.isIssuedBy(issuer))
    // Whoever stands on an old list is revoked all the same.
    if (signed.some((list) => list.has(one.serialNumber))) return revoked(one, issuer)
    if (!signed.some((list) => list.thisUpdate <= now && now <= list.nextUpdate)) unknown ??= explain(issuer, named, signed, now)
  }
  return unknown
}

function revoked(one: X509Certificate, issuer: X509Certificate): TrustError {
  return { error: 'CERT_REVOKED', facts: { authority: nameOf(issuer), revokedSerial: one.serialNumber.toLowerCase() } }
}

function explain(issuer: X509Certificate, named: readonly RevocationList[], signed: readonly RevocationList[], now: Instant): TrustError {
  const authority = nameOf(issuer)
  if (named.length === 0) return { error: 'UNABLE_TO_GET_CRL', facts: { authority } }
  if (signed.length === 0) return { error: maySignLists(issuer) ? 'CRL_SIGNATURE_FAILURE' : 'KEYUSAGE_NO_CRL_SIGN', facts: { authority } }
  const latest = signed.reduce((best, list) => (list.nextUpdate > best.nextUpdate ? list : best))
  const facts = { authority, thisUpdate: new Date(latest.thisUpdate).toISOString(), nextUpdate: new Date(latest.nextUpdate).toISOString() }
  return { error: now > latest.nextUpdate ? 'CRL_HAS_EXPIRED' : 'CRL_NOT_YET_VALID', facts }
}

/** Why a list that names this authority is not taken for one of its own. */
export function objectionTo(authority: X509Certificate): string {
  return `it names ${nameOf(authority)} as its issuer, but ${maySignLists(authority) ? 'was not signed by it' : 'that may not sign lists (its key usage lacks cRLSign)'}`
}

/** `CN=Example CA, O=Example`. */
export function nameOf(certificate: X509Certificate): string {
  return certificate.subject.replaceAll('\n', ', ')
}
