import type { Bytes, Instant, Milliseconds } from './units.ts'

/** The clock, handed in: tests hold one that stands still. */
export interface Clock {
  /** Wall clock. May jump. */
  readonly now: () => Instant
  /** Never goes back; its zero means nothing. For lengths of time. */
  readonly monotonic: () => Milliseconds
  /** Runs something later, once; never keeps the process alive. */
  readonly after: (delay: Milliseconds, run: () => void) => Cancel
}
export type Cancel = () => void

/** Randomness, handed in. */
export interface Random { readonly bytes: (count: number) => Uint8Array }

/**
 * Fetches a text over https. Rejects for anything but a whole 200 of at most `cap` bytes of UTF-8 within the time;
 * follows no redirect.
 */
export type Fetch = (url: string, cap: Bytes, timeout: Milliseconds) => Promise<string>

export interface FetchLimits {
  readonly size: Bytes
  readonly time: Milliseconds
  /** How long what was fetched is used without asking again. */
  readonly fresh: Milliseconds
  /** How long a failure is remembered. */
  readonly failed: Milliseconds
  /** How many URLs are remembered. */
  readonly entries: number
}

/** One GET at a public address: the body of a whole 200, or a rejection. No redirects. */
export type Get = (url: URL, limits: FetchLimits, clock: Clock) => Promise<Uint8Array>

/** A text that somebody publishes and changes now and then: ranges of addresses, keys. */
export interface Publication {
  /** `https://…` */
  readonly url: string
  /** How old it may become before it is fetched again. */
  readonly every: Milliseconds
  /** Why this text must not take the place of the one before; undefined where it may. Never throws. */
  readonly objection: (text: string, before: string | undefined) => string | undefined
}

/** A publication as it is kept: the last good text, refreshed behind our back. Never fails. */
export interface Published {
  /** Undefined until there was a good one. The same string until it changes. */
  readonly text: () => string | undefined
  /** When it was fetched. */
  readonly at: () => Instant | undefined
  /** Asks for a fresh one now, unless that was done a moment ago. Resolves when that is over, whatever came of it. */
  readonly refresh: () => Promise<void>
}

/** One exchange over http or https, for what is signed and can be verified by whoever asked: bytes, of a bounded length. */
export interface ExchangeRequest {
  readonly url: string
  /** What is posted, and its media type; undefined: a GET. */
  readonly post?: { readonly type: string; readonly body: Uint8Array }
  /** The most bytes that the answer may have. */
  readonly cap: Bytes
  /** Ends it. */
  readonly signal: AbortSignal
}

/** Rejects for anything but a whole 200 within the cap, and once the signal says so; follows no redirect. */
export type Exchange = (request: ExchangeRequest) => Promise<Uint8Array>

/** What was fetched, as it is kept over restarts. A write is whole or not at all. */
export interface KeptBytes {
  readonly read: (url: string) => Promise<Uint8Array | undefined>
  readonly write: (url: string, bytes: Uint8Array) => Promise<void>
}
