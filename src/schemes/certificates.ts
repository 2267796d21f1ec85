import { X509Certificate, type KeyObject } from 'node:crypto'
import type { Instant } from '../core/units.ts'

/** The key of a PEM certificate that is valid at this time; undefined where it is none, or is not. */
export function certificateKey(pem: Uint8Array, at: Instant): KeyObject | undefined {
  const certificate = parse(pem)
  if (certificate === undefined) return undefined
  const valid = Date.parse(certificate.validFrom) <= at && at <= Date.parse(certificate.validTo)
  return valid ? certificate.publicKey : undefined
}

function parse(pem: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(Buffer.from(pem))
  } catch {
    return undefined
  }
}
