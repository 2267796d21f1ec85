import 'reflect-metadata'
import { KeyObject, randomBytes, X509Certificate as OpenSslCertificate } from 'node:crypto'
import {
  AuthorityInfoAccessExtension, AuthorityKeyIdentifierExtension, BasicConstraintsExtension, CRLDistributionPointsExtension,
  ExtendedKeyUsage, ExtendedKeyUsageExtension, KeyUsageFlags, KeyUsagesExtension, SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension, X509Certificate, X509CertificateGenerator, type Extension, type JsonGeneralName, type Name,
} from '@peculiar/x509'
import type { Instant } from '../core/units.ts'
import { readPrivateKey, signingAlgorithm, type Keys } from './keys.ts'
import { writeSubject, type Subject } from './names.ts'

/** Who signs: a certificate with the CA flag and its key. */
export interface Authority { readonly certificate: X509Certificate; readonly keys: Keys }

export interface Validity { readonly notBefore: Instant; readonly notAfter: Instant }

export interface AuthorityRequest extends Validity {
  readonly subject: Subject
  readonly keys: Keys
  /** How many further authorities may stand below; undefined: any number. */
  readonly pathLength?: number
}

export interface CertificateRequest extends Validity {
  readonly subject: Subject
  readonly names: readonly JsonGeneralName[]
  readonly publicKey: Keys['publicKey']
  /** Extended key usages; an empty list leaves the extension out. */
  readonly usages: readonly string[]
  /** Where the certificate's status can be asked for (OCSP). */
  readonly ocsp?: string
  /** Where the authority's revocation list can be fetched. */
  readonly crl?: string
}

export const usages = { server: ExtendedKeyUsage.serverAuth, client: ExtendedKeyUsage.clientAuth, ocsp: ExtendedKeyUsage.ocspSigning } as const

/** Makes an authority: signed by `parent`, or by itself where there is none. */
export async function makeAuthority(request: AuthorityRequest, parent?: Authority): Promise<Authority> {
  const { keys, pathLength } = request
  const extensions = [
    new BasicConstraintsExtension(true, pathLength, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature, true),
  ]
  const issuer = parent?.certificate.subjectName ?? writeSubject(request.subject)
  const certificate = await sign({ ...request, publicKey: keys.publicKey, extensions, issuer, signer: parent?.keys ?? keys })
  return { keys, certificate }
}

/** Issues a certificate for a server or a sender; not an authority. */
export async function issueCertificate(authority: Authority, request: CertificateRequest): Promise<X509Certificate> {
  const extensions: Extension[] = [new BasicConstraintsExtension(false, undefined, true), new KeyUsagesExtension(keyUsage(request.publicKey), true)]
  if (request.usages.length > 0) extensions.push(new ExtendedKeyUsageExtension([...request.usages]))
  if (request.names.length > 0) extensions.push(new SubjectAlternativeNameExtension([...request.names]))
  if (request.ocsp !== undefined) extensions.push(new AuthorityInfoAccessExtension({ ocsp: request.ocsp }))
  if (request.crl !== undefined) extensions.push(new CRLDistributionPointsExtension([request.crl]))
  return await sign({ ...request, extensions, issuer: authority.certificate.subjectName, signer: authority.keys })
}

/** Reads an authority from PEM; throws a plain sentence where the two do not belong together or cannot sign. */
export async function readAuthority(certificate: string, key: string): Promise<Authority> {
  const keys = await readPrivateKey(key)
  const parsed = new OpenSslCertificate(certificate)
  if (!parsed.ca) throw new Error('the certificate is not an authority: its CA flag is not set')
  if (!parsed.checkPrivateKey(KeyObject.from(keys.privateKey))) throw new Error('the certificate and the key do not belong together')
  return { certificate: new X509Certificate(parsed.raw), keys }
}

/** RSA key exchange (TLS 1.2) needs keyEncipherment; an EC key can only sign. */
function keyUsage(key: Keys['publicKey']): KeyUsageFlags {
  if (key.algorithm.name === 'ECDSA') return KeyUsageFlags.digitalSignature
  return KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment
}

interface Unsigned extends Validity {
  readonly subject: Subject
  readonly publicKey: Keys['publicKey']
  readonly issuer: Name
  readonly signer: Keys
  readonly extensions: readonly Extension[]
}

async function sign({ subject, publicKey, issuer, signer, extensions, notBefore, notAfter }: Unsigned): Promise<X509Certificate> {
  return await X509CertificateGenerator.create({
    serialNumber: randomSerial(), subject: writeSubject(subject), issuer, publicKey,
    notBefore: new Date(notBefore), notAfter: new Date(notAfter),
    signingKey: signer.privateKey, signingAlgorithm: signingAlgorithm(signer.privateKey),
    extensions: [
      ...extensions,
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(signer.publicKey),
    ],
  })
}

/** 127 random bits, never negative, never zero (RFC 5280 4.1.2.2 allows 20 octets). */
function randomSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40
  return bytes.toString('hex')
}
