import 'reflect-metadata'
import { createHash, X509Certificate } from 'node:crypto'
import { id_kp_OCSPSigning, type BasicOCSPResponse, type ResponderID } from '@peculiar/asn1-ocsp'
import { AsnConvert } from '@peculiar/asn1-schema'
import { Certificate } from '@peculiar/asn1-x509'
import type { Instant } from '../core/units.ts'
import { isIssuedBy } from './chain.ts'
import type { Subject } from './ocsp-question.ts'
import { parseCertificateTime } from './text.ts'

/** More than any honest responder sends. */
const mostSent = 8

/**
 * Who may have given this answer (RFC 6960 4.2.2.2): the issuer of the certificate itself, or whom that very issuer
 * made its responder, by a certificate that says so, holds now and is on none of its revocation lists. Of these the one
 * that the answer names; undefined where it names nobody else.
 */
export function responderOf(answer: BasicOCSPResponse, { issuer, isListed }: Pick<Subject, 'issuer' | 'isListed'>, now: Instant): X509Certificate | undefined {
  const { responderID } = answer.tbsResponseData
  if (isNamed(responderID, issuer)) return issuer
  return (answer.certs ?? []).slice(0, mostSent).map(openSslCertificate)
    .find((one) => one !== undefined && isNamed(responderID, one) && isDelegate(one, issuer, now) && !isListed(one.serialNumber))
}

function isDelegate(one: X509Certificate, issuer: X509Certificate, now: Instant): boolean {
  const [from, until] = [parseCertificateTime(one.validFrom), parseCertificateTime(one.validTo)]
  // Written so that a time which cannot be read (NaN) is not valid. `anyExtendedKeyUsage` makes nobody a responder.
  return now >= from && now <= until && ((one.keyUsage as string[] | undefined) ?? []).includes(id_kp_OCSPSigning) && isIssuedBy(one, issuer)
}

function isNamed({ byName, byKey }: ResponderID, one: X509Certificate): boolean {
  const { subject, subjectPublicKeyInfo } = AsnConvert.parse(one.raw, Certificate).tbsCertificate
  if (byName !== undefined) return isSame(AsnConvert.serialize(byName), AsnConvert.serialize(subject))
  return byKey !== undefined && createHash('sha1').update(new Uint8Array(subjectPublicKeyInfo.subjectPublicKey)).digest().equals(new Uint8Array(byKey.buffer))
}

function isSame(one: ArrayBuffer, other: ArrayBuffer): boolean {
  return Buffer.from(one).equals(new Uint8Array(other))
}

/** As OpenSSL reads it; undefined where it does not. */
function openSslCertificate(one: Certificate): X509Certificate | undefined {
  try {
    return new X509Certificate(Buffer.from(AsnConvert.serialize(one)))
  } catch {
    return undefined
  }
}
