import type { Reasons } from './verdict.ts'

/** Why a certificate was not accepted (DESIGN §4). */
export type CertificateReason =
  | 'certificate-missing' | 'certificate-untrusted' | 'certificate-expired' | 'certificate-revoked'
  | 'certificate-not-allowed' | 'revocation-unknown'

/** OpenSSL's verification errors, by Node's names, that mean more than "not trusted". */
const reasons: ReadonlyMap<string, CertificateReason> = new Map([
  ['CERT_HAS_EXPIRED', 'certificate-expired'],
  ['CERT_NOT_YET_VALID', 'certificate-expired'],
  ['CERT_REVOKED', 'certificate-revoked'],
  ['UNABLE_TO_GET_CRL', 'revocation-unknown'],
  ['UNABLE_TO_GET_CRL_ISSUER', 'revocation-unknown'],
  ['UNABLE_TO_DECRYPT_CRL_SIGNATURE', 'revocation-unknown'],
  ['CRL_SIGNATURE_FAILURE', 'revocation-unknown'],
  ['KEYUSAGE_NO_CRL_SIGN', 'revocation-unknown'],
  ['CRL_NOT_YET_VALID', 'revocation-unknown'],
  ['CRL_HAS_EXPIRED', 'revocation-unknown'],
  ['ERROR_IN_CRL_LAST_UPDATE_FIELD', 'revocation-unknown'],
  ['ERROR_IN_CRL_NEXT_UPDATE_FIELD', 'revocation-unknown'],
])

/** The reason for an OpenSSL verification error; whatever is not in the table means that nobody vouches. */
export function reasonOfTrustError(error: string): CertificateReason {
  return reasons.get(error) ?? 'certificate-untrusted'
}

export const certificateReasons: Reasons<CertificateReason> = {
  'certificate-missing': { status: 403, title: 'A client certificate is required' },
  'certificate-untrusted': { status: 403, title: 'The client certificate is not trusted' },
  'certificate-expired': { status: 403, title: 'The client certificate is not valid at this time' },
  'certificate-revoked': { status: 403, title: 'The client certificate was revoked' },
  'certificate-not-allowed': { status: 403, title: 'The client certificate is not allowed here' },
  'revocation-unknown': { status: 403, title: 'It is not known whether the client certificate was revoked' },
}
