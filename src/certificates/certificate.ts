import { createHash, type X509Certificate } from 'node:crypto'
import type { NamePart, PeerCertificate, SubjectName } from '../core/delivery.ts'
import type { CertificateLink, OcspRule } from '../core/ocsp.ts'
import type { Instant, Milliseconds } from '../core/units.ts'
import { buildChain, fingerprintOf, isUsual, type Chain } from './chain.ts'
import { readCertificates } from './pem.ts'
import { profileOf } from './profile.ts'
import { findRevocation } from './revocation.ts'
import type { RevocationList } from './revocation-list.ts'
import { parseCertificateTime, parseDistinguishedName, parseSubjectNames } from './text.ts'

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
}

/** What stands above a certificate, by these authorities. */
interface Above {
  readonly of: readonly X509Certificate[]
  readonly chain: Chain
  readonly intermediates: readonly Uint8Array[]
  /** Are all the ways of the handshake still there? */
  readonly stands: boolean
}

/** How long the handshake's word on the chain's validity is good: after that we look ourselves. */
const verdictLasts: Milliseconds = 60_000

/** A certificate as OpenSSL reads it: fields on demand, each read once. */
export class Certificate implements PeerCertificate {
  readonly #leaf: X509Certificate
  readonly #shown: Shown
  #above: Above | undefined
  #usual: boolean | undefined
  #links: { readonly of: Vouchers; readonly links: readonly CertificateLink[] } | undefined
  #subject: readonly NamePart[] | undefined
  #names: readonly SubjectName[] | undefined
  #wild: readonly SubjectName[] | undefined
  #fingerprint: string | undefined
  #keyFingerprint: string | undefined
  #notBefore: Instant | undefined
  #notAfter: Instant | undefined

  constructor(shown: Shown) {
    this.#leaf = shown.leaf
    this.#shown = shown
  }

  get trust(): PeerCertificate['trust'] {
    const { verified, vouchers, now, met } = this.#shown
    if (verified !== 'trusted') return verified
    if (!this.#isReadable) return { error: 'INVALID_EXTENSION' }
    const [current, time] = [vouchers(), now()]
    const fresh = current === met.vouchers && time - met.at < verdictLasts
    const wanted = current.listsWanted === true || current.lists.length > 0
    if (fresh && !wanted && this.#wildcards.length === 0 && this.#isUsual) return 'trusted'
    const { chain: { links, issuers }, stands } = this.#ways
    if (issuers.length === 0 || !stands) return { error: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' }
    if (issuers.some((one) => covers(this.#wildcards, profileOf(one)?.excluded ?? everyName))) return { error: 'EXCLUDED_VIOLATION' }
    if (!fresh && !issuers.every((one) => isValidAt(one, time))) return { error: 'CERT_HAS_EXPIRED' }
    return wanted ? findRevocation(links, current.lists, time) ?? 'trusted' : 'trusted'
  }

  /** Sent as everybody sends it. Anything else we read ourselves: OpenSSL takes some issuers for authorities that do not say so. */
  get #isUsual(): boolean { return this.#usual ??= isUsual(this.#shown.sent()) }
  /** Names that cannot be read are no names to Node: a certificate of nobody, where it says somebody. */
  get #isReadable(): boolean { return this.names.length > 0 || profileOf(this.#leaf)?.hasNames === false }
  get #wildcards(): readonly SubjectName[] { return this.#wild ??= this.names.filter(isWildcard) }
  get der(): Uint8Array { return this.#leaf.raw }
  get issuers(): readonly Uint8Array[] { return this.#ways.chain.issuers.map((one) => one.raw) }
  get intermediates(): readonly Uint8Array[] { return this.#ways.intermediates }
  get shownTo(): readonly string[] { return this.#shown.shownTo() }
  get ocsp(): OcspRule | undefined { return this.#shown.vouchers().ocsp }
  get links(): readonly CertificateLink[] {
    const vouchers = this.#shown.vouchers()
    if (this.#links?.of !== vouchers) this.#links = { of: vouchers, links: this.#ways.chain.links.map((link) => linkOf(link, this.#leaf, vouchers)) }
    return this.#links.links
  }
  get #ways(): Above {
    const { authorities } = this.#shown.vouchers()
    if (this.#above?.of !== authorities) this.#above = lookUp(this.#shown, authorities)
    return this.#above
  }
  vouchedBy(authorities: ReadonlySet<string>): boolean { return this.#ways.chain.passes(authorities) }
  get subject(): readonly NamePart[] { return this.#subject ??= parseDistinguishedName(this.#leaf.subject) ?? [] }
  get issuer(): readonly NamePart[] { return parseDistinguishedName(this.#leaf.issuer) ?? [] }
  get names(): readonly SubjectName[] { return this.#names ??= parseSubjectNames(this.#leaf.subjectAltName) }
  get fingerprint(): string { return this.#fingerprint ??= sha256(this.#leaf.raw) }
  get keyFingerprint(): string { return this.#keyFingerprint ??= keyFingerprint(this.#leaf) }
  get serial(): string { return this.#leaf.serialNumber.toLowerCase().replace(/^0+(?=.)/, '') }
  get notBefore(): Instant { return this.#notBefore ??= parseCertificateTime(this.#leaf.validFrom) }
  get notAfter(): Instant { return this.#notAfter ??= parseCertificateTime(this.#leaf.validTo) }
  get extendedKeyUsage(): readonly string[] { return this.#leaf.keyUsage ?? [] }
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
function lookUp({ leaf, sent, met }: Shown, authorities: readonly X509Certificate[]): Above {
  const chain = buildChain(leaf, sent(), authorities)
  const still = new Set(chain.issuers.map(fingerprintOf))
  const stands = sameSet(met.vouchers.authorities, authorities)
    || buildChain(leaf, sent(), met.vouchers.authorities).issuers.every((one) => still.has(fingerprintOf(one)))
  return { of: authorities, chain, intermediates: chain.intermediates.map((one) => one.raw), stands }
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

const isWildcard = ({ type, value }: SubjectName): boolean => type === 'dns' && value.startsWith('*.')

/** What an authority excludes whose certificate we cannot read. */
const everyName = ['']

/** Does one of these wildcards stand for a name that is excluded, too? OpenSSL compares them as text (CVE-2025-61727 was that in Go). */
function covers(wildcards: readonly SubjectName[], excluded: readonly string[]): boolean {
  return wildcards.some(({ value }) => excluded.some((one) => one === '' || `.${one}`.endsWith(value.slice(1).toLowerCase())))
}

const validity = new WeakMap<X509Certificate, { readonly notBefore: Instant; readonly notAfter: Instant }>()

/** Written so that a time which cannot be read (NaN) is not valid. */
function isValidAt(one: X509Certificate, now: Instant): boolean {
  const known = validity.get(one) ?? { notBefore: parseCertificateTime(one.validFrom), notAfter: parseCertificateTime(one.validTo) }
  validity.set(one, known)
  return now >= known.notBefore && now <= known.notAfter
}

/** Empty for a key that OpenSSL does not know: no pin matches it (CVE-2024-24783 was a crash here). */
function keyFingerprint(leaf: X509Certificate): string {
  try {
    return sha256(leaf.publicKey.export({ type: 'spki', format: 'der' }))
  } catch {
    return ''
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
