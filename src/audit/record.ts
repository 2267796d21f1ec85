import type { Address, PeerCertificate } from '../core/delivery.ts'
import type { Facts } from '../core/verdict.ts'
import type { Bytes, Instant, Milliseconds } from '../core/units.ts'
import { isoTime } from './iso-time.ts'
import { field, milliseconds, numeral, quoted } from './json-text.ts'

/** Everything about one decision. One is made for every delivery, refused handshake and dropped address. */
export interface Decided {
  readonly at: Instant
  readonly id: string
  readonly route: string | undefined
  readonly from: Address | undefined
  readonly certificate: PeerCertificate | undefined
  readonly verdict: 'accepted' | 'refused'
  /** A reason code; for an accepted delivery what would have refused it (observe mode), or why the receiver was not asked. */
  readonly reason: string | undefined
  /** What the sender was told; 0 where it was told nothing. */
  readonly status: number
  readonly bytes: Bytes
  readonly spent: Spent
  /** Which secret or key matched, by reference. */
  readonly key: string | undefined
  /** What became of the nonce. */
  readonly nonce: 'committed' | 'released' | 'lost' | undefined
  /** What lay behind the reason, and header lines that were dropped. Never a secret, a signature or a body. */
  readonly facts: Facts
}

/** Where the time went. */
export interface Spent { readonly checks: Milliseconds; readonly store: Milliseconds; readonly receiver: Milliseconds }

/**
 * The audit record as it is written: one JSON object, one line, its line break included. Never throws: a certificate or facts
 * that cannot be written are left out, and the record says so. A decision without a record would be worse.
 */
export function auditLine(decided: Decided): string {
  try {
    return wholeLine(decided)
  } catch (error) {
    return wholeLine({ ...decided, certificate: undefined, facts: { unwritten: error instanceof Error ? error.message : 'certificate or facts' } })
  }
}

/** Byte for byte what `JSON.stringify` would write, at half its cost: which fields there are is known. */
function wholeLine(decided: Decided): string {
  const { at, id, route, from, certificate, verdict, reason, status, bytes, spent, key, nonce, facts } = decided
  const what = `{"time":"${isoTime(at)}","id":${quoted(id)}${field('route', route)}${field('source', from?.text)}${field('verdict', verdict)}${field('reason', reason)}`
  const sizes = `,"status":${numeral(status)},"bytes":${numeral(bytes)}`
  const times = `,"ms":{"checks":${milliseconds(spent.checks)},"store":${milliseconds(spent.store)},"receiver":${milliseconds(spent.receiver)}}`
  const known = isEmpty(facts) ? '' : `,"facts":${JSON.stringify(facts)}`
  const shown = certificate === undefined ? '' : `,"certificate":${describe(certificate)}`
  return `${what}${sizes}${times}${field('key', key)}${field('nonce', nonce)}${known}${shown}}\n`
}

/** A certificate becomes JSON once: what stands there follows from its DER. */
const described = new WeakMap<Uint8Array, string>()

function describe(certificate: PeerCertificate): string {
  let found = described.get(certificate.der)
  if (found === undefined) {
    found = JSON.stringify({
      subject: certificate.subject.map(({ type, value }) => `${type}=${value}`).join(', '),
      san: certificate.names.map(({ type, value }) => `${type}:${value}`),
      sha256: certificate.fingerprint,
    })
    described.set(certificate.der, found)
  }
  return found
}

function isEmpty(facts: Facts): boolean {
  for (const _ in facts) return false
  return true
}
