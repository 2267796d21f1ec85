import { setImmediate as nextTurn } from 'node:timers/promises'
import type { PeerCertificate } from '../core/delivery.ts'
import type { CertificateLink } from '../core/ocsp.ts'
import type { Cancel, Clock } from '../core/ports.ts'
import { reasonOfTrustError, type CertificateReason } from '../core/trust.ts'
import type { Instant, Milliseconds } from '../core/units.ts'
import type { Facts } from '../core/verdict.ts'
import type { SenderConnection } from './connection.ts'
import type { TlsMaterial } from './tls.ts'

/** Why a connection is not served. */
export interface Lack<R = CertificateReason | 'handshake-failed'> { readonly reason: R; readonly facts: Facts }

/** A name that no certificate carries has no policy of its own: it gets none (CVE-2026-32305). */
export function lackOfName({ knows }: TlsMaterial, called: string | undefined): Lack | undefined {
  return knows(called) ? undefined : { reason: 'handshake-failed', facts: { error: 'UNKNOWN_NAME', host: called } }
}

/** Where certificates are required, one that is missing or trusted no more ends the connection, whatever the route asks. */
export function lackOfTrust({ senders }: TlsMaterial, certificate: PeerCertificate | undefined): Lack<CertificateReason> | undefined {
  const trust = certificate?.trust
  if (senders !== 'required' || trust === 'trusted') return undefined
  if (trust === undefined) return { reason: 'certificate-missing', facts: {} }
  return { reason: reasonOfTrustError(trust.error), facts: { ...trust.facts, error: trust.error } }
}

/** After a change of authorities or lists: one at a time, as each one's chain is verified anew. */
export async function dismissUntrusted(senders: readonly SenderConnection[]): Promise<void> {
  for (const sender of senders) {
    const trust = sender.certificate?.trust
    if (trust !== undefined && trust !== 'trusted') sender.dismiss()
    await nextTurn()
  }
}

/** What expires by time alone is refused at once, and ends an idle connection after this at the latest: to ask is not free. */
const interval: Milliseconds = 60_000

/** As time goes by: ends the connections whose certificate, one above it or a list that it stands under holds no longer. */
export function watchExpiry(clock: Clock, senders: () => readonly SenderConnection[]): Cancel {
  let cancel: Cancel
  const wait = (): void => {
    cancel = clock.after(interval, () => {
      void dismissExpired(senders(), clock.now)
      wait()
    })
  }
  wait()
  return () => cancel()
}

async function dismissExpired(senders: readonly SenderConnection[], now: () => Instant): Promise<void> {
  for (const sender of senders) {
    if (sender.hasLostTrust(now())) sender.dismiss()
    await nextTurn()
  }
}

/** After a responder said revoked: whoever shows that certificate, or stands below it. */
export async function dismissHolders(senders: readonly SenderConnection[], { certificate, of }: Pick<CertificateLink, 'certificate' | 'of'>): Promise<void> {
  const isIt = (one: Uint8Array): boolean => Buffer.from(one).equals(certificate)
  for (const sender of senders) {
    const shown = sender.certificate
    if (shown === undefined) continue
    if (of === 'sender' ? isIt(shown.der) : shown.issuers.some(isIt)) sender.dismiss()
    await nextTurn()
  }
}
