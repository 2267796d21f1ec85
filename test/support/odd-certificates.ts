import 'reflect-metadata'
import { X509Certificate, type webcrypto } from 'node:crypto'
import { BasicConstraintsExtension, ExtendedKeyUsageExtension, Extension, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509'
import { makeKeys, writePrivateKey, type Keys, type KeyKind } from '../../src/pki/keys.ts'

/** Certificates that no authority of ours would sign: for whoever has to refuse them. */
export interface Odd {
  readonly name: string
  readonly keys: Keys
  readonly certificate: X509Certificate
  readonly pem: string
}

export interface OddOptions {
  readonly name: string
  readonly by?: Odd
  /** An authority, and how many may stand below it. */
  readonly authority?: true
  readonly pathLength?: number
  readonly kind?: KeyKind
  /** Other keys than those of a kind. */
  readonly keys?: Keys
  readonly hash?: string
  readonly usages?: readonly string[]
  readonly dns?: readonly string[]
  /** Object identifier → DER in hex. */
  readonly extensions?: readonly { readonly oid: string; readonly critical: boolean; readonly der: string }[]
  /** Where it says that its issuer's certificate is. */
  readonly issuerAt?: string
  readonly notBefore?: number
  readonly notAfter?: number
}

export async function makeOdd(options: OddOptions): Promise<Odd> {
  const keys = options.keys ?? await makeKeys(options.kind ?? 'ec')
  const { by, hash = 'SHA-256' } = options
  const signer = by?.keys ?? keys
  const generated = await X509CertificateGenerator.create({
    serialNumber: `0${Math.floor(Math.random() * 1e15).toString(16)}`.padStart(16, '0'),
    subject: `CN=${options.name}`, issuer: `CN=${by?.name ?? options.name}`, publicKey: keys.publicKey,
    notBefore: new Date(options.notBefore ?? Date.now() - 3_600_000), notAfter: new Date(options.notAfter ?? Date.now() + 86_400_000),
    signingKey: signer.privateKey, signingAlgorithm: { name: (signer.privateKey as webcrypto.CryptoKey).algorithm.name, hash }, extensions: extensionsOf(options),
  })
  const pem = `${generated.toString('pem')}\n`
  return { name: options.name, keys, certificate: new X509Certificate(pem), pem }
}

function extensionsOf({ authority, pathLength, usages = [], dns = [], extensions = [], issuerAt }: OddOptions): Extension[] {
  return [
    ...(authority === true ? [new BasicConstraintsExtension(true, pathLength, true)] : []),
    ...(usages.length > 0 ? [new ExtendedKeyUsageExtension([...usages])] : []),
    ...(dns.length > 0 ? [new SubjectAlternativeNameExtension(dns.map((value) => ({ type: 'dns', value })))] : []),
    ...(issuerAt === undefined ? [] : [new Extension('1.3.6.1.5.5.7.1.1', false, access(issuerAt))]),
    ...extensions.map(({ oid, critical, der }) => new Extension(oid, critical, Buffer.from(der, 'hex'))),
  ]
}

/** AuthorityInfoAccess with one caIssuers entry (RFC 5280 section 4.2.2.1). */
function access(url: string): Buffer {
  const name = Buffer.concat([Buffer.from([0x86, url.length]), Buffer.from(url)])
  const entry = Buffer.concat([Buffer.from('06082b06010505073002', 'hex'), name])
  return Buffer.concat([Buffer.from([0x30, entry.length + 2, 0x30, entry.length]), entry])
}

export async function privatePem({ keys }: Odd): Promise<string> {
  return await writePrivateKey(keys.privateKey)
}
