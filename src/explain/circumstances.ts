import { readFileSync } from 'node:fs'
import { parseAddress } from '../addresses/address.ts'
import { certificateFromPem } from '../certificates/certificate.ts'
import type { Address, PeerCertificate } from '../core/delivery.ts'
import type { Instant } from '../core/units.ts'
import { parseTime } from '../schemes/time-text.ts'
import type { Offline } from './offline.ts'

/** What a recorded request does not say of itself. */
export interface Circumstances {
  readonly from: Address
  readonly certificate: PeerCertificate | undefined
  readonly at: Instant
}

/** `203.0.113.7`, `2001:db8::1`; undefined for what is no address. */
export function readAddress(text: string): Address | undefined {
  return parseAddress(text)
}

/** `2026-11-23T12:00:00Z`, or Unix seconds; undefined for what is neither. */
export function readTime(text: string): Instant | undefined {
  return parseTime(text, 'seconds') ?? parseTime(text, 'rfc3339')
}

/**
 * A sender's certificate from a PEM file (leaf first), judged by the authorities and revocation lists of the
 * configuration's listeners. Throws where the file is no certificate.
 */
export function readCertificate(file: string, { listeners, clock }: Pick<Offline, 'listeners' | 'clock'>): PeerCertificate {
  const vouchers = {
    authorities: listeners.flatMap(({ tls }) => tls.authorities), lists: listeners.flatMap(({ tls }) => tls.lists), listsWanted: listeners.some(({ tls }) => tls.listsWanted),
  }
  return certificateFromPem(readFileSync(file, 'latin1'), 'trusted', vouchers, () => clock.now())
}
