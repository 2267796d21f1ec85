/**
 * Certificates that no honest authority issues, in memory, as PEM: any extensions, any times, any signature.
 *
 *     const pem = await oddCertificate({ subject: 'CN=x', keys, by: ca.authority, extensions: [authority(), critical('1.2.3.4')] })
 *     const weak = await resign(pem, ca.key, { digest: 'md5' })
 *     const old = await resign(pem, ca.key, { change: (tbs) => { tbs.version = 0; delete tbs.extensions } })
 */
import 'reflect-metadata'
import { randomBytes, sign, X509Certificate as OpenSsl } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier, Certificate, GeneralName, GeneralSubtree, GeneralSubtrees, NameConstraints, type TBSCertificate,
} from '@peculiar/asn1-x509'
import {
  AuthorityKeyIdentifierExtension, BasicConstraintsExtension, Extension, ExtendedKeyUsageExtension, KeyUsageFlags, KeyUsagesExtension,
  SubjectAlternativeNameExtension, SubjectKeyIdentifierExtension, X509CertificateGenerator, type JsonGeneralName,
} from '@peculiar/x509'
import type { Authority } from '../../src/pki/authority.ts'
import type { Keys } from '../../src/pki/keys.ts'
import { day, hour } from './pki.ts'

export interface Odd {
  /** RFC 2253, `CN=x`; '' for none. */
  readonly subject: string
  readonly keys: Keys
  /** Left out: itself. */
  readonly by?: Authority
  readonly extensions?: readonly Extension[]
  readonly notBefore?: number
  readonly notAfter?: number
  readonly hash?: 'SHA-1' | 'SHA-256'
  readonly serial?: string
}

export async function oddCertificate({ subject, keys, by, extensions = [], notBefore, notAfter, hash = 'SHA-256', serial }: Odd): Promise<string> {
  const signer = by?.keys ?? keys
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serial ?? `4${randomBytes(8).toString('hex')}0`.slice(0, 16), subject, issuer: by?.certificate.subjectName ?? subject, publicKey: keys.publicKey,
    notBefore: new Date(notBefore ?? Date.now() - hour), notAfter: new Date(notAfter ?? Date.now() + 30 * day),
    signingKey: signer.privateKey, signingAlgorithm: { name: signer.privateKey.algorithm.name, hash }, extensions: [...extensions],
  })
  return `${certificate.toString('pem')}\n`
}

export const usual = {
  authority: (pathLength?: number): Extension[] => [new BasicConstraintsExtension(true, pathLength, true), new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature, true)],
  leaf: (...names: (JsonGeneralName | string)[]): Extension[] => [
    new BasicConstraintsExtension(false, undefined, true), new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true), new ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.2']),
    san(...(names.length === 0 ? ['sender.example'] : names)),
  ],
}

export function san(...names: (JsonGeneralName | string)[]): Extension {
  return new SubjectAlternativeNameExtension(names.map((name): JsonGeneralName => (typeof name === 'string' ? { type: 'dns', value: name } : name)))
}

export function keyUsage(...flags: (keyof typeof KeyUsageFlags)[]): Extension {
  return new KeyUsagesExtension(flags.reduce((all, flag) => all | KeyUsageFlags[flag], 0), true)
}

export function extendedKeyUsage(...usages: string[]): Extension {
  return new ExtendedKeyUsageExtension(usages)
}

/** An extension whose meaning nobody knows. */
export function unknown(critical: 'critical' | 'not critical'): Extension {
  return new Extension('1.3.6.1.4.1.99999.1', critical === 'critical', Uint8Array.of(5, 0))
}

export async function keyIdentifiers(own: Keys, issuer: Keys): Promise<Extension[]> {
  return [await SubjectKeyIdentifierExtension.create(own.publicKey), await AuthorityKeyIdentifierExtension.create(issuer.publicKey)]
}

type Subtree = ConstructorParameters<typeof GeneralName>[0]

/** RFC 5280 4.2.1.10. */
export function nameConstraints({ permitted = [], excluded = [] }: { readonly permitted?: readonly Subtree[]; readonly excluded?: readonly Subtree[] }): Extension {
  const trees = (all: readonly Subtree[]) => new GeneralSubtrees(all.map((one) => new GeneralSubtree({ base: new GeneralName(one) })))
  const constraints = new NameConstraints({
    ...permitted.length > 0 && { permittedSubtrees: trees(permitted) }, ...excluded.length > 0 && { excludedSubtrees: trees(excluded) },
  })
  return new Extension('2.5.29.30', true, AsnConvert.serialize(constraints))
}

const algorithms = {
  md5: '1.2.840.113549.1.1.4', sha1: '1.2.840.113549.1.1.5', sha256: '1.2.840.113549.1.1.11', 'ecdsa-sha256': '1.2.840.10045.4.3.2',
} as const

export interface Resigning {
  readonly change?: (tbs: TBSCertificate) => void
  /** RSA keys; left out: ECDSA with SHA-256. */
  readonly digest?: 'md5' | 'sha1' | 'sha256'
}

/** The same certificate with something changed, signed by this key (PEM). */
export function resign(pem: string, key: string, { change, digest }: Resigning): string {
  const certificate = AsnConvert.parse(new OpenSsl(pem).raw, Certificate)
  const { tbsCertificate: tbs } = certificate
  const algorithm = new AlgorithmIdentifier({ algorithm: algorithms[digest ?? 'ecdsa-sha256'], ...digest !== undefined && { parameters: null } })
  tbs.signature = algorithm
  certificate.signatureAlgorithm = algorithm
  change?.(tbs)
  delete certificate.tbsCertificateRaw
  certificate.signatureValue = new Uint8Array(sign(digest ?? 'sha256', Buffer.from(AsnConvert.serialize(tbs)), key)).buffer
  const der = Buffer.from(AsnConvert.serialize(certificate)).toString('base64')
  return `-----BEGIN CERTIFICATE-----\n${der.replaceAll(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`
}
