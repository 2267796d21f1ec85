import type { Headers } from './headers.ts'
import type { CertificateLink, OcspRule } from './ocsp.ts'
import type { Bytes, Instant } from './units.ts'
import type { Facts } from './verdict.ts'

/**
 * What is known of a delivery, stage by stage. Each stage knows a little more than the one before, and a question may
 * look at no more than its stage knows: that no body is read for a delivery which an address already condemns is a
 * fact of these types.
 */
export const stages = ['connection', 'certificate', 'credentials', 'body', 'signature', 'time', 'replay', 'acceptance'] as const
export type Stage = (typeof stages)[number]

/** Known before TLS, where the sender's address is the TCP peer's or a PROXY header told it. */
export interface Arrival {
  /** The delivery's id: 22 characters of base64url, made by us, unguessable. */
  readonly id: string
  readonly from: Address
  readonly at: Instant
}

/** Known once the request's head was read and its framing found sound. */
export interface Head extends Arrival {
  readonly method: string
  /** The host asked for: lower case, without port and trailing dot. */
  readonly host: string
  /** The request target's path, byte for byte as it came. */
  readonly path: string
  /** The query behind the `?`, byte for byte; undefined where there is no `?`. */
  readonly query: string | undefined
  readonly headers: Headers
  readonly certificate: PeerCertificate | undefined
  /**
   * Reads the body, once, raw; answers `Expect: 100-continue` first. Resolves to a fault where the cap is passed, the
   * time is up or the sender hangs up; never rejects for what a sender does.
   */
  readonly read: (cap: Bytes) => Uint8Array | BodyFault | Promise<Uint8Array | BodyFault>
}

export interface Delivery extends Head {
  readonly body: Uint8Array
}

export interface SignedDelivery extends Delivery {
  readonly signed: Signed
}

/** What each stage's questions are handed. */
export interface Known {
  connection: Arrival
  certificate: Head
  credentials: Head
  body: Head
  signature: Delivery
  time: SignedDelivery
  replay: SignedDelivery
  /** Everything else passed. */
  acceptance: Head
}

/** Why there is no body. */
export interface BodyFault { readonly fault: 'too-large' | 'timeout' | 'incomplete' | 'overloaded' }

/** What a verified signature proved. Every field is taken from bytes that the signature covers, or says otherwise. */
export interface Signed {
  /** The exact bytes that the MAC or signature covers, in parts, in order: parts, so that no body is copied. */
  readonly material: readonly Uint8Array[]
  /** When the sender says that it signed. Undefined where the scheme has no time. */
  readonly at: Instant | undefined
  /** The delivery's id, where the sender signs one. */
  readonly id: string | undefined
  /** Which secret or key matched, by its reference (`env:STRIPE_SECRET`); never the key itself. */
  readonly key: string
}

/** An address in its one canonical form. IPv4 stands as IPv4-mapped IPv6. */
export interface Address {
  /** 16 bytes, network order. */
  readonly bytes: Uint8Array
  /** Canonical text: dotted IPv4, or RFC 5952 IPv6. */
  readonly text: string
}

/** A sender's certificate as the TLS handshake gave it. Parsed by OpenSSL, once per connection. */
export interface PeerCertificate {
  /** DER of the leaf. */
  readonly der: Uint8Array
  /** DER of the certificates that the sender sent behind the leaf or that the chain was built with, leaf's issuer first. */
  readonly issuers: readonly Uint8Array[]
  /** Those of them that stand between the leaf and a root. The same list until a reload changes it. */
  readonly intermediates: readonly Uint8Array[]
  /** URI names of our own certificate in the handshake that this one was shown in. */
  readonly shownTo: readonly string[]
  /** The leaf with each of its issuers, and those above it up to the roots; empty where no way leads up. */
  readonly links: readonly CertificateLink[]
  /** What the listener wants asked of a responder; undefined: nothing. A route's own rule goes before it. */
  readonly ocsp: OcspRule | undefined
  /**
   * Does every verified way from the leaf up to the listener's roots pass one of these authorities (SHA-256 of the DER,
   * lower-case hex)? False where no way leads up.
   */
  vouchedBy(authorities: ReadonlySet<string>): boolean
  /**
   * Does the listener trust it, now: by the handshake's verification, by the authorities of today where they changed since,
   * by their revocation lists and the time? If not, OpenSSL's word for why, and what helps to mend it.
   */
  readonly trust: 'trusted' | { readonly error: string; readonly facts?: Facts }
  /** Subject parts in order: `{ type: 'CN', value: 'sender.example' }`. */
  readonly subject: readonly NamePart[]
  readonly issuer: readonly NamePart[]
  readonly names: readonly SubjectName[]
  /** SHA-256 of the DER, 64 lower-case hex digits. */
  readonly fingerprint: string
  /** SHA-256 of the SubjectPublicKeyInfo, 64 lower-case hex digits. */
  readonly keyFingerprint: string
  /** Serial number, lower-case hex without leading zeros. */
  readonly serial: string
  readonly notBefore: Instant
  readonly notAfter: Instant
  /** Extended key usage OIDs; empty where the certificate has none. */
  readonly extendedKeyUsage: readonly string[]
}

export interface NamePart { readonly type: string; readonly value: string }

/** One subject alternative name, typed: a DNS name never matches as a URI (CVE-2022-21656). */
export interface SubjectName { readonly type: 'dns' | 'uri' | 'email' | 'ip' | 'other'; readonly value: string }
