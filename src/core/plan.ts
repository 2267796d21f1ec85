import type { OcspRule } from './ocsp.ts'
import type { Route } from './policy.ts'
import type { Bytes, Milliseconds } from './units.ts'

/**
 * What a configuration compiles to: immutable, complete, nothing textual left for the way of a delivery. A reload makes
 * a new one and swaps it; a delivery sees one plan from beginning to end.
 */
export interface Plan {
  readonly listeners: readonly ListenerPlan[]
  readonly routes: readonly Route[]
  readonly limits: Limits
  /** Opaque responses give the delivery's id only; detailed ones the reason, too. */
  readonly responses: 'opaque' | 'detailed'
}

export interface ListenerPlan {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly tls: TlsPlan
  /** Ranges in CIDR form of the peers that must speak the PROXY protocol. */
  readonly proxyProtocol: readonly string[]
  /** Ranges in CIDR form of the peers whose `X-Forwarded-For` is read. */
  readonly forwardedFor: readonly string[]
  /** Ranges in CIDR form of the peers whose `Forwarded` (RFC 7239) is read. Never beside `forwardedFor`. */
  readonly forwarded: readonly string[]
}

/** PEM texts, read at load. */
export interface TlsPlan {
  readonly certificate: string
  readonly key: string
  /** Further certificates, chosen by the name that a sender calls. */
  readonly others?: readonly { readonly certificate: string; readonly key: string }[]
  /** What becomes of a sender that calls a name which no certificate carries; left out: refused. */
  readonly unknownName?: 'refuse' | 'serve'
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  readonly clientCertificate: ClientCertificatePlan | undefined
}

export interface ClientCertificatePlan {
  readonly mode: 'request' | 'require'
  /** Never empty. */
  readonly ca: readonly string[]
  /** A file, PEM or DER, or where a list is fetched from. */
  readonly crl: readonly (Uint8Array | { readonly url: string })[]
  readonly ocsp?: OcspRule | undefined
}

export interface Limits {
  /** The most that one body may hold; a route may narrow it. */
  readonly body: Bytes
  /** All header lines together. */
  readonly headers: Bytes
  readonly bodyTimeout: Milliseconds
  /** Deliveries under way at one time. */
  readonly inFlight: number
  /** How late the event loop may be. */
  readonly eventLoopDelay: Milliseconds
  /** All bodies that are held at one time. */
  readonly buffered: Bytes
  /** The least that a body brings in a second, once it had a few seconds to begin. */
  readonly bodyRate: Bytes
  /** From the accepted connection to the end of its handshake, a PROXY header included. */
  readonly handshakeTimeout: Milliseconds
  /** From the first byte of a request (or the end of the handshake) to the end of its headers. */
  readonly headersTimeout: Milliseconds
  /** How long a connection stays open with nothing to do. */
  readonly idleTimeout: Milliseconds
  /** A connection that is older is closed with its next answer. */
  readonly maxConnectionAge?: Milliseconds
  /** Connections in all. */
  readonly connections: number
  /** Connections of one address (IPv6: of one /64). */
  readonly connectionsPerAddress: number
  /** New connections of one address in a second; undefined: as many as it likes. */
  readonly handshakesPerSecond?: number | undefined
}

/** An operator's mistake. */
export interface Problem {
  /** Where in the configuration: `['routes', 0, 'from', 1]`; empty for the whole file. */
  readonly path: readonly (string | number)[]
  readonly what: string
  /** What to write instead. */
  readonly mend: string
}
