import type { X509Certificate } from 'node:crypto'
import type { Instant } from '../core/units.ts'
import { isIssuedBy } from './chain.ts'
import { profileOf } from './profile.ts'
import { parseCertificateTime } from './text.ts'

/** What a certificate that no handshake has verified is judged by. */
export interface Anchors {
  /** Who is believed; the last of every path. */
  readonly authorities: readonly X509Certificate[]
  /** What may stand between; in any order. */
  readonly between: readonly X509Certificate[]
}

/** More than any public authority has between its root and its customers. */
const longestPath = 6
/** More than anybody serves. */
const mostBetween = 16

/** TLS server authentication: the one usage for which public authorities prove the names that they write. */
const serverAuth = '1.3.6.1.5.5.7.3.1'
const anyUsage = '2.5.29.37.0'

/**
 * Does a path lead from this certificate to one of the authorities at this time (RFC 5280 section 6.1)? Each link signed,
 * each certificate valid with a key of some strength, path lengths kept. What we do not judge (name constraints, demands on
 * policies, critical extensions that are unknown) ends a path: fail closed. An authority need not be a root: whoever is named is believed.
 */
export function leadsTo(leaf: X509Certificate, { authorities, between }: Anchors, at: Instant): boolean {
  const pool = between.slice(0, mostBetween)
  const climb = (one: X509Certificate, below: number): boolean => {
    if (!isAcceptable(one, at)) return false
    if (authorities.some((authority) => isLink(one, authority, below, at))) return true
    return below < longestPath && pool.some((issuer) => issuer !== one && isLink(one, issuer, below, at) && climb(issuer, below + 1))
  }
  return climb(leaf, 0)
}

/** May this certificate stand on a path, below its authority? */
function isAcceptable(one: X509Certificate, at: Instant): boolean {
  const profile = profileOf(one)
  return profile !== undefined && profile.isSoundlySigned && profile.hasSoundKey && profile.strange.length === 0 && isValidAt(one, at) && servesServers(one)
}

/** `below` is how many authorities stand between the leaf and this issuer. */
function isLink(one: X509Certificate, issuer: X509Certificate, below: number, at: Instant): boolean {
  const { hasSoundKey, pathLength = longestPath } = profileOf(issuer) ?? { hasSoundKey: false }
  return hasSoundKey && below <= pathLength && isIssuedBy(one, issuer) && isValidAt(issuer, at)
}

/** A certificate for mail or code carries names that nobody proved. */
function servesServers({ keyUsage }: X509Certificate): boolean {
  return keyUsage === undefined || keyUsage.includes(serverAuth) || keyUsage.includes(anyUsage)
}

/** Written so that a time which cannot be read (NaN) is not valid. */
function isValidAt(one: X509Certificate, at: Instant): boolean {
  return at >= parseCertificateTime(one.validFrom) && at <= parseCertificateTime(one.validTo)
}
