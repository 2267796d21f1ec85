import 'reflect-metadata'
import { createHash, X509Certificate } from 'node:crypto'
import { CertID, id_pkix_ocsp, id_pkix_ocsp_nonce, OCSPRequest, Request, TBSRequest } from '@peculiar/asn1-ocsp'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import { AlgorithmIdentifier, AuthorityInfoAccessSyntax, Certificate, Extension, Extensions, id_pe_authorityInfoAccess } from '@peculiar/asn1-x509'
import { isResponderUrl, type CertificateLink } from '../core/ocsp.ts'

/** What stays the same whenever we ask about a certificate; read once for each. */
export interface Subject {
  readonly id: CertID
  readonly issuer: X509Certificate
  /** Serial number and issuer, as text: one for each certificate. */
  readonly key: string
  /** The responder that the certificate names; undefined: none that can be asked. */
  readonly responder: string | undefined
  readonly isListed: CertificateLink['isListed']
}

const sha1 = '1.3.14.3.2.26'
const known = new WeakMap<CertificateLink, Subject>()

/**
 * Issuer and serial number of a certificate as RFC 6960 4.1.1 wants them. SHA-1 only names the issuer here, and is the
 * one digest that every responder knows (RFC 5019 2.1.1). Throws where the certificate cannot be read.
 */
export function subjectOf(link: CertificateLink): Subject {
  const found = known.get(link) ?? readSubject(link)
  known.set(link, found)
  return found
}

/** The question, DER. The nonce makes an answer that was given to somebody else worthless (RFC 9654). */
export function writeQuestion({ id }: Subject, nonce: Uint8Array): Uint8Array {
  const requestExtensions = new Extensions([new Extension({ extnID: id_pkix_ocsp_nonce, extnValue: new OctetString(writeNonce(nonce)) })])
  const tbsRequest = new TBSRequest({ requestList: [new Request({ reqCert: id })], requestExtensions })
  return new Uint8Array(AsnConvert.serialize(new OCSPRequest({ tbsRequest })))
}

/** The value of the nonce's extension: an OCTET STRING in DER. */
export function writeNonce(nonce: Uint8Array): Uint8Array {
  return new Uint8Array(AsnConvert.serialize(new OctetString(nonce)))
}

function readSubject({ certificate, issuer, isListed }: CertificateLink): Subject {
  const { tbsCertificate: own } = AsnConvert.parse(certificate, Certificate)
  const { tbsCertificate: above } = AsnConvert.parse(issuer, Certificate)
  const id = new CertID({
    hashAlgorithm: new AlgorithmIdentifier({ algorithm: sha1, parameters: null }),
    issuerNameHash: hash(AsnConvert.serialize(own.issuer)), issuerKeyHash: hash(above.subjectPublicKeyInfo.subjectPublicKey),
    serialNumber: own.serialNumber,
  })
  const parsed = new X509Certificate(issuer)
  const key = `${Buffer.from(own.serialNumber).toString('hex')} ${parsed.fingerprint256}`
  return { id, issuer: parsed, key, responder: responderOf(own.extensions), isListed }
}

function hash(bytes: ArrayBuffer): OctetString {
  return new OctetString(createHash('sha1').update(new Uint8Array(bytes)).digest())
}

/** The first URL of an OCSP responder in `authorityInfoAccess` (RFC 5280 4.2.2.1) that can be asked over HTTP. */
function responderOf(extensions: readonly Extension[] | undefined): string | undefined {
  const access = extensions?.find(({ extnID }) => extnID === id_pe_authorityInfoAccess)
  if (access === undefined) return undefined
  const named = AsnConvert.parse(access.extnValue, AuthorityInfoAccessSyntax).filter(({ accessMethod }) => accessMethod === id_pkix_ocsp)
  return named.flatMap(({ accessLocation: { uniformResourceIdentifier: text = '' } }) => (URL.canParse(text) ? new URL(text) : []))
    .find(isResponderUrl)?.href
}
