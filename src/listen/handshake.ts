import type { TLSSocket } from 'node:tls'
import { reasonOfTrustError, type CertificateReason } from '../core/trust.ts'
import type { Facts } from '../core/verdict.ts'

export interface HandshakeRefusal { readonly reason: CertificateReason | 'handshake-failed'; readonly facts: Facts }

/** Errors of a handshake, by Node's names, in which a certificate is the matter. */
const reasons: ReadonlyMap<string, CertificateReason> = new Map([
  ['ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE', 'certificate-missing'],
  ['ERR_SSL_CERTIFICATE_VERIFY_FAILED', 'certificate-untrusted'],
  ['ERR_SSL_NO_CERTIFICATE_RETURNED', 'certificate-missing'],
  // Too weak to be looked at, whatever the mode (level 2 of OpenSSL).
  ['ERR_SSL_EE_KEY_TOO_SMALL', 'certificate-untrusted'], ['ERR_SSL_CA_KEY_TOO_SMALL', 'certificate-untrusted'],
  ['ERR_SSL_CA_MD_TOO_WEAK', 'certificate-untrusted'],
  // Its key is on a curve that is not spoken here.
  ['ERR_SSL_WRONG_CURVE', 'certificate-untrusted'],
])

/**
 * Why a handshake failed, for the audit record. Where Node refused a certificate it says `socket hang up`, and the
 * reason stands on the socket; the certificate itself is gone by then, unless it was kept (`keepShown`).
 */
export function handshakeRefusal(error: NodeJS.ErrnoException, socket: TLSSocket): HandshakeRefusal {
  const verification = socket.authorizationError as unknown
  const facts = { error: error.code ?? error.name, host: socket.servername === false ? undefined : socket.servername ?? undefined }
  if (typeof verification === 'string') {
    return { reason: reasonOfTrustError(verification), facts: { ...facts, error: verification } }
  }
  return { reason: reasons.get(facts.error) ?? 'handshake-failed', facts }
}
