import type { Address } from '../core/delivery.ts'
import { isIPv4 } from './address.ts'

/**
 * Whom an address is counted as: IPv4 as itself, IPv6 by its /64. One sender has all addresses of a /64 (RFC 4291
 * section 2.5.1), and would never meet a limit that is held against each of them.
 */
export function originOf({ bytes, text }: Address): string {
  if (isIPv4(bytes)) return text
  return Buffer.from(bytes.buffer, bytes.byteOffset, 8).toString('hex')
}
