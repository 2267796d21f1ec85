import { createHash, type X509Certificate } from 'node:crypto'
import type { NamePart, PeerCertificate, SubjectName } from '../core/delivery.ts'
import type { Instant } from '../core/units.ts'
import { buildChain, type Chain } from './chain.ts'
import { readCertificates } from './pem.ts'
import { parseCertificateTime, parseDistinguishedName, parseSubjectNames } from './text.ts'

/** A certificate as OpenSSL reads it: fields on demand, each read once. */
export class Certificate implements PeerCertificate {
  readonly trust: PeerCertificate['trust']
  readonly #leaf: X509Certificate
  readonly #sent: () => readonly X509Certificate[]
  readonly #authorities: readonly X509Certificate[]
  #chain: Chain | undefined
  #subject: readonly NamePart[] | undefined
  #names: readonly SubjectName[] | undefined
  #fingerprint: string | undefined
  #keyFingerprint: string | undefined
  #notBefore: Instant | undefined
  #notAfter: Instant | undefined

  constructor(
    leaf: X509Certificate, trust: PeerCertificate['trust'], sent: () => readonly X509Certificate[], authorities: readonly X509Certificate[],
  ) {
    this.trust = trust
    this.#leaf = leaf
    this.#sent = sent
    this.#authorities = authorities
  }

  get der(): Uint8Array { return this.#leaf.raw }
  get issuers(): readonly Uint8Array[] { return this.#ways.issuers.map((one) => one.raw) }
  get #ways(): Chain { return this.#chain ??= buildChain(this.#leaf, this.#sent(), this.#authorities) }
  vouchedBy(authorities: ReadonlySet<string>): boolean { return this.#ways.passes(authorities) }
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
export function certificateFromPem(pem: string, trust: PeerCertificate['trust'], authorities: readonly X509Certificate[]): PeerCertificate {
  const [leaf, ...sent] = readCertificates(pem)
  if (leaf === undefined) throw new Error('there is no certificate in this text')
  return new Certificate(leaf, trust, () => sent, authorities)
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
