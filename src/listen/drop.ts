import type { Address, PeerCertificate } from '../core/delivery.ts'
import type { Facts, ReasonRow } from '../core/verdict.ts'
import type { TurnedAway } from './connections.ts'
import type { HandshakeRefusal } from './handshake.ts'

/** A connection that ended before there was a request that could be judged. */
export interface Drop {
  readonly from: Address | undefined
  readonly reason: 'source-not-allowed' | 'malformed-request' | 'headers-timeout' | 'proxy-header-invalid' | TurnedAway | HandshakeRefusal['reason']
  readonly facts: Facts
  readonly certificate: PeerCertificate | undefined
  /** What to tell the sender, where it is told anything but the usual. */
  readonly row?: ReasonRow
}
