import { createHash, type X509Certificate } from 'node:crypto'
import type { NamePart, SubjectName } from '../core/delivery.ts'
import type { Instant } from '../core/units.ts'
import { profileOf } from './profile.ts'
import { parseCertificateTime, parseDistinguishedName, parseSubjectNames } from './text.ts'

/**
 * A certificate as OpenSSL reads it: fields on demand, each once. All of it follows from the DER and from nothing else, not
 * from who showed it, when, or who vouches: so one reading may serve every connection that shows the same bytes.
 */
export class Reading {
  readonly x509: X509Certificate
  #der: Uint8Array | undefined
  #subject: readonly NamePart[] | undefined
  #issuer: readonly NamePart[] | undefined
  #names: readonly SubjectName[] | undefined
  #wildcards: readonly SubjectName[] | undefined
  #isReadable: boolean | undefined
  #fingerprint: string | undefined
  #keyFingerprint: string | undefined
  #serial: string | undefined
  #notBefore: Instant | undefined
  #notAfter: Instant | undefined

  constructor(x509: X509Certificate) {
    this.x509 = x509
  }

  /** The same array each time: what follows from it may be remembered by it. */
  get der(): Uint8Array { return this.#der ??= this.x509.raw }
  /** Names that cannot be read are no names to Node: a certificate of nobody, where it says somebody. */
  get isReadable(): boolean { return this.#isReadable ??= this.names.length > 0 || profileOf(this.x509)?.hasNames === false }
  get wildcards(): readonly SubjectName[] { return this.#wildcards ??= this.names.filter(isWildcard) }
  get subject(): readonly NamePart[] { return this.#subject ??= parseDistinguishedName(this.x509.subject) ?? [] }
  get issuer(): readonly NamePart[] { return this.#issuer ??= parseDistinguishedName(this.x509.issuer) ?? [] }
  get names(): readonly SubjectName[] { return this.#names ??= parseSubjectNames(this.x509.subjectAltName) }
  get fingerprint(): string { return this.#fingerprint ??= sha256(this.der) }
  get keyFingerprint(): string { return this.#keyFingerprint ??= keyFingerprint(this.x509) }
  get serial(): string { return this.#serial ??= this.x509.serialNumber.toLowerCase().replace(/^0+(?=.)/, '') }
  get notBefore(): Instant { return this.#notBefore ??= parseCertificateTime(this.x509.validFrom) }
  get notAfter(): Instant { return this.#notAfter ??= parseCertificateTime(this.x509.validTo) }
  get extendedKeyUsage(): readonly string[] { return this.x509.keyUsage ?? [] }
}

const isWildcard = ({ type, value }: SubjectName): boolean => type === 'dns' && value.startsWith('*.')

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
