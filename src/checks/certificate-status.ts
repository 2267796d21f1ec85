import type { PeerCertificate } from '../core/delivery.ts'
import type { CertificateStatus, OcspRule, StatusSource } from '../core/ocsp.ts'
import type { CertificateReason } from '../core/trust.ts'
import { pass, refuse, type Facts, type Verdict } from '../core/verdict.ts'

/**
 * Does the responder of its authority say that this certificate is good? The leaf is asked about, or every certificate
 * up to the root; where several ways lead up, all of them. One that was revoked is refused in either mode; where nobody
 * can say, `hard` refuses, and `soft` passes with a note in the record. Throws where nobody may be asked at all, which
 * is a fault of ours.
 */
export function askStatus(shown: PeerCertificate, rule: OcspRule, source: StatusSource | undefined): Verdict<CertificateReason> | Promise<Verdict<CertificateReason>> {
  if (source === undefined) throw new Error('there is nobody to ask for the status of a certificate')
  const links = rule.certificates === 'chain' ? shown.links : shown.links.filter(({ of }) => of === 'sender')
  const statuses = links.map((link) => source.ask(link, rule))
  if (statuses.every(isKnown)) return judge(shown, rule, statuses)
  return Promise.all(statuses).then((all) => judge(shown, rule, all))
}

function isKnown(one: CertificateStatus | Promise<CertificateStatus>): one is CertificateStatus {
  return !(one instanceof Promise)
}

/** No status at all is no good one. */
function judge(shown: PeerCertificate, { mode }: OcspRule, statuses: readonly CertificateStatus[]): Verdict<CertificateReason> {
  const revoked = statuses.find(({ status }) => status === 'revoked')
  if (revoked !== undefined) return refuse('certificate-revoked', { ...identify(shown), ...revoked.facts })
  if (statuses.length > 0 && statuses.every(({ status }) => status === 'good')) {
    return pass({ fingerprint: shown.fingerprint, ocsp: statuses[0]?.facts['ocsp'] ?? 'good' })
  }
  const facts = statuses.find(({ status }) => status === 'unknown')?.facts ?? { ocsp: 'no-issuer' }
  if (mode !== 'soft') return refuse('revocation-unknown', { ...identify(shown), ...facts })
  return pass({ fingerprint: shown.fingerprint, ...facts }, { note: { revocation: 'unknown', ...facts } })
}

/** Which certificate it was, for the record. */
export function identify({ fingerprint, serial, subject }: PeerCertificate): Facts {
  return { fingerprint, serial, subject: subject.map(({ type, value }) => `${type}=${value}`) }
}
