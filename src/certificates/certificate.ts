import type { X509Certificate } from 'node:crypto'
import type { NamePart, PeerCertificate, SubjectName } from '../core/delivery.ts'
import type { CertificateLink, OcspRule } from '../core/ocsp.ts'
import type { Instant, Milliseconds } from '../core/units.ts'
import { buildChain, fingerprintOf, isUsual, type Chain } from './chain.ts'
import { readCertificates } from './pem.ts'
import { profileOf } from './profile.ts'
import { Reading } from './reading.ts'
import type { Readings } from './readings.ts'
import { findRevocation } from './revocation.ts'
import type { RevocationList } from './revocation-list.ts'

/** Who vouches for senders, at one time; a reload makes new ones. */
export interface Vouchers {
  readonly authorities: readonly X509Certificate[]
  /** Empty: nobody is asked whether a certificate was revoked. */
  readonly lists: readonly RevocationList[]
  /** Lists are asked for, also while there is none yet. */
  readonly listsWanted?: boolean
  /** What their responders are asked, unless a route says otherwise. */
  readonly ocsp?: OcspRule | undefined
}

/** Where a certificate came from. */
export interface Shown {
  readonly leaf: X509Certificate
  /** What was sent behind it, in any order. */
  readonly sent: () => readonly X509Certificate[]
  /** URI names of our own certificate in that handshake. */
  readonly shownTo: () => readonly string[]
  /** What the handshake's verification said. */
  readonly verified: PeerCertificate['trust']
  /** Who vouched in the handshake, and when that was. */
  readonly met: { readonly vouchers: Vouchers; readonly at: Instant }
  /** Who vouches now. */
  readonly vouchers: () => Vouchers
  readonly now: () => Instant
  /** What was read before; left out: nothing. */
  readonly readings?: Readings
}

/** What stands above a certificate, by these authorities. */
interface Above {
  readonly of: readonly X509Certificate[]
  readonly chain: Chain
  readonly intermediates: readonly Uint8Array[]
  /** Are all the ways of the handshake still there? */
  readonly stands: boolean
  /** Is one of the leaf's wildcards for a name, too, that one of them excludes? */
  readonly isExcluded: boolean
  /** When all of them are valid; NaN where that cannot be read. */
  readonly notBefore: Instant
  readonly notAfter: Instant
}

/** How long the handshake's word on the chain's validity is good: after that we look ourselves. */
const verdictLasts: Milliseconds = 60_000

/** A certificate as it was shown once: what it says, and who vouches for it now. */
export class Certificate implements PeerCertificate {
  readonly #reading: Reading
  readonly #shown: Shown
  #above: Above | undefined
  #usual: boolean | undefined
  #links: { readonly of: Vouchers; readonly links: readonly CertificateLink[] } | undefined

  constructor(shown: Shown) {
    this.#shown = shown
    this.#reading = readingOf(shown)
  }

  get trust(): PeerCertificate['trust'] {
    const { verified, vouchers, now, met } = this.#shown
    if (verified !== 'trusted') return verified
    if (!this.#reading.isReadable) return { error: 'INVALID_EXTENSION' }
    const [current, time] = [vouchers(), now()]
    const fresh = current === met.vouchers && time - met.at < verdictLasts
    const wanted = current.listsWanted === true || current.lists.length > 0
    if (fresh && !wanted && this.#reading.wildcards.length === 0 && this.#isUsual) return 'trusted'
    const { chain: { links, issuers }, stands, isExcluded, notBefore, notAfter } = this.#ways
    if (issuers.length === 0 || !stands) return { error: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' }
    if (isExcluded) return { error: 'EXCLUDED_VIOLATION' }
    // Written so that a time which cannot be read (NaN) is not valid.
    if (!fresh && !(time >= notBefore && time <= notAfter)) return { error: 'CERT_HAS_EXPIRED' }
    return wanted ? findRevocation(links, current.lists, time) ?? 'trusted' : 'trusted'
  }

  /** Sent as everybody sends it. Anything else we read ourselves: OpenSSL takes some issuers for authorities that do not say so. */
  get #isUsual(): boolean { return this.#usual ??= isUsual(this.#shown.sent()) }
  get der(): Uint8Array { return this.#reading.der }
  get issuers(): readonly Uint8Array[] { return this.#ways.chain.issuers.map((one) => one.raw) }
  get intermediates(): readonly Uint8Array[] { return this.#ways.intermediates }
  get shownTo(): readonly string[] { return this.#shown.shownTo() }
  get ocsp(): OcspRule | undefined { return this.#shown.vouchers().ocsp }
  get links(): readonly CertificateLink[] {
    const vouchers = this.#shown.vouchers()
    if (this.#links?.of !== vouchers) this.#links = { of: vouchers, links: this.#ways.chain.links.map((link) => linkOf(link, this.#reading.x509, vouchers)) }
    return this.#links.links
  }
  get #ways(): Above {
    const { authorities } = this.#shown.vouchers()
    if (this.#above?.of !== authorities) this.#above = lookUp(this.#shown, this.#reading, authorities)
    return this.#above
  }
  vouchedBy(authorities: ReadonlySet<string>): boolean { return this.#ways.chain.passes(authorities) }
  get subject(): readonly NamePart[] { return this.#reading.subject }
  get issuer(): readonly NamePart[] { return this.#reading.issuer }
  get names(): readonly SubjectName[] { return this.#reading.names }
  get fingerprint(): string { return this.#reading.fingerprint }
  get keyFingerprint(): string { return this.#reading.keyFingerprint }
  get serial(): string { return this.#reading.serial }
  get notBefore(): Instant { return this.#reading.notBefore }
  get notAfter(): Instant { return this.#reading.notAfter }
  get extendedKeyUsage(): readonly string[] { return this.#reading.extendedKeyUsage }
}

/** Strangers get what is known, and leave nothing. */
function readingOf({ leaf, verified, readings }: Shown): Reading {
  if (readings === undefined) return new Reading(leaf)
  return verified === 'trusted' ? readings.keep(leaf) : readings.find(leaf)
}

/** A certificate that came some other way than a handshake (`explain --cert`); throws where the PEM is not one. */
export function certificateFromPem(pem: string, verified: PeerCertificate['trust'], vouchers: Vouchers, now: () => Instant): PeerCertificate {
  const [leaf, ...sent] = readCertificates(pem)
  if (leaf === undefined) throw new Error('there is no certificate in this text')
  const met = { vouchers, at: Number.NEGATIVE_INFINITY }
  return new Certificate({ leaf, sent: () => sent, shownTo: () => [], verified, met, vouchers: () => vouchers, now })
}

/**
 * OpenSSL took one of the ways that there were in the handshake. Where a reload took one of these away, nobody knows whether
 * what is left would have done, with its path lengths, name constraints and purposes: only another handshake tells.
 */
function lookUp(shown: Shown, { x509: leaf, wildcards }: Reading, authorities: readonly X509Certificate[]): Above {
  const sent = sentWith(shown, leaf)
  const before = shown.met.vouchers.authorities
  const chain = buildChain(leaf, sent, authorities)
  if (shown.verified === 'trusted') for (const one of chain.intermediates) if (!authorities.includes(one)) shown.readings?.keep(one)
  const still = new Set(chain.issuers.map(fingerprintOf))
  const above = chain.issuers.map((one) => new Reading(one))
  return {
    of: authorities, chain, intermediates: chain.intermediates.map((one) => one.raw),
    stands: sameSet(before, authorities) || buildChain(leaf, sent, before).issuers.every((one) => still.has(fingerprintOf(one))),
    isExcluded: chain.issuers.some((one) => covers(wildcards, profileOf(one)?.excluded ?? everyName)),
    notBefore: Math.max(...above.map((one) => one.notBefore)), notAfter: Math.min(...above.map((one) => one.notAfter)),
  }
}

/** Those that were seen before as they were then, so that no signature among them is verified twice. */
function sentWith({ sent, readings }: Shown, leaf: X509Certificate): readonly X509Certificate[] {
  if (readings === undefined) return sent()
  return sent().map((one) => {
    const { x509 } = readings.find(one)
    return x509 === leaf ? one : x509
  })
}

function sameSet(some: readonly X509Certificate[], others: readonly X509Certificate[]): boolean {
  return some === others || (some.length === others.length && some.every((one, at) => one.fingerprint256 === others[at]?.fingerprint256))
}

function linkOf([one, issuer]: Chain['links'][number], leaf: X509Certificate, vouchers: Vouchers): CertificateLink {
  return {
    of: one === leaf ? 'sender' : 'authority', certificate: one.raw, issuer: issuer.raw,
    isListed: (serial) => vouchers.lists.some((list) => list.isIssuedBy(issuer) && list.has(serial)),
  }
}

/** What an authority excludes whose certificate we cannot read. */
const everyName = ['']

/** Does one of these wildcards stand for a name that is excluded, too? OpenSSL compares them as text (CVE-2025-61727 was that in Go). */
function covers(wildcards: readonly SubjectName[], excluded: readonly string[]): boolean {
  return wildcards.some(({ value }) => excluded.some((one) => one === '' || `.${one}`.endsWith(value.slice(1).toLowerCase())))
}
