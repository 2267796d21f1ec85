import type { Milliseconds } from './units.ts'
import type { Facts, Reasons } from './verdict.ts'

/** A receiver as the configuration names it. */
export interface ReceiverPlan {
  readonly name: string
  /** `http://…`, `https://…` or `unix:/path`; tried in turn. Never empty. */
  readonly urls: readonly string[]
  /** The most that one delivery may take, from connecting to the last byte of the answer. */
  readonly timeout: Milliseconds
  readonly connectTimeout: Milliseconds
  /** The most connections to one URL; what comes on top waits its turn, and its time runs. */
  readonly connections: number
  /** After so many failures in a row a URL is left alone for `retryAfter`, as long as another one is not. */
  readonly unhealthyAfter: number
  readonly retryAfter: Milliseconds
  readonly tls: ReceiverTls
}

/** For `https://`: PEM texts. Without `ca` the public certificate authorities are trusted. */
export interface ReceiverTls {
  readonly ca: readonly string[] | undefined
  readonly certificate: string | undefined
  readonly key: string | undefined
  /** The name that the receiver's certificate must have; undefined: the URL's host. */
  readonly serverName: string | undefined
}

/** What goes through the inner gate. */
export interface Outbound {
  readonly method: string
  /** Path and query, byte for byte what is put on the wire. */
  readonly target: string
  /** name, value, name, value … complete but for the framing (`Host`, `Content-Length`), which the receiver's client sets. */
  readonly headers: readonly string[]
  readonly body: Uint8Array
}

/** The internal service behind the gateway. */
export interface Receiver {
  readonly name: string
  /** The most that one delivery may take, from connecting to the last byte of the answer. Leases are derived from it. */
  readonly timeout: number
  /**
   * Sends a delivery and hands the reply to the sink as it comes. Never throws: every failure goes to `sink.failed`,
   * once, and nothing follows it.
   */
  readonly send: (outbound: Outbound, sink: ReplySink) => Sending
  readonly close: () => Promise<void>
}

export interface Sending {
  /** Goes on after `head` or `data` asked to wait. */
  readonly resume: () => void
  /** The sender is gone: stop, tell nobody. */
  readonly abort: () => void
}

/** Where a reply goes. `head` once, `data` any number of times, then `end` or `failed`. */
export interface ReplySink {
  /**
   * Status (final, never 1xx) and header lines (name, value …; hop-by-hop ones removed). `wait` holds the body back
   * until `resume`.
   */
  readonly head: (status: number, headers: readonly string[]) => 'go-on' | 'wait'
  readonly data: (chunk: Uint8Array) => 'go-on' | 'wait'
  readonly end: () => void
  /** May come after `head`, when the reply breaks off: then only the connection to the sender can tell. */
  readonly failed: (reason: ReceiverReason, facts: Facts) => void
}

export type ReceiverReason = 'receiver-unavailable' | 'receiver-timeout' | 'receiver-invalid'

export const receiverReasons: Reasons<ReceiverReason> = {
  'receiver-unavailable': { status: 502, title: 'The receiver could not be reached' },
  'receiver-timeout': { status: 504, title: 'The receiver did not answer in time' },
  'receiver-invalid': { status: 502, title: 'The receiver sent an answer that is not valid HTTP' },
}
