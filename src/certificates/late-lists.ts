import type { X509Certificate } from 'node:crypto'
import type { PeerCertificate } from '../core/delivery.ts'
import { parseDer } from './pem.ts'
import type { RevocationList } from './revocation-list.ts'

/**
 * Lists of authorities that only senders send cannot be verified before one of these is there. This does it, in slices, for
 * what stands above a certificate: whoever asks afterwards whether it was revoked has the answer at once, however long the
 * list. Never rejects for what a sender sends.
 */
export async function verifyLateLists({ intermediates }: Pick<PeerCertificate, 'intermediates'>, lists: readonly RevocationList[]): Promise<void> {
  for (const der of intermediates) {
    const issuer = parseDer(Buffer.from(der))
    if (issuer === undefined) continue
    for (const list of lists) if (list.names(issuer)) await list.isIssuedByLater(issuer)
  }
}

/** Those that none of these authorities can have issued. */
export function lateAmong(lists: readonly RevocationList[], authorities: readonly X509Certificate[]): readonly RevocationList[] {
  return lists.filter((list) => !authorities.some((authority) => list.names(authority)))
}
