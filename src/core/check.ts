import type { ZodType } from 'zod'
import type { Address, Known, Stage } from './delivery.ts'
import type { NonceStore } from './nonce.ts'
import type { StatusSource } from './ocsp.ts'
import type { Clock, Get, Publication, Published } from './ports.ts'
import type { Milliseconds } from './units.ts'
import type { Reasons, Verdict } from './verdict.ts'

/** One question about a delivery, asked at one stage. */
export interface Question<R extends string = string> {
  readonly stage: Stage
  /** The key of the route that asks it; set by `compileCheck`. */
  readonly check: string
  readonly reasons: Reasons<R>
  /** Answers at once or by a promise; a throw becomes `undecidable`. Only what the stage knows may be read. */
  readonly ask: (known: never) => Verdict<R> | Promise<Verdict<R>>
}

/** A question before it knows which check it belongs to. */
export interface Asked<R extends string = string> {
  readonly stage: Stage
  readonly ask: (known: never) => Verdict<R> | Promise<Verdict<R>>
}

/** Puts a question at a stage; the stage decides what the question is allowed to see. */
export function at<S extends Stage, R extends string>(
  stage: S, ask: (known: Known[S]) => Verdict<R> | Promise<Verdict<R>>,
): Asked<R> {
  return { stage, ask }
}

/** What a check may use while it compiles its settings. */
export interface CheckTools {
  /** The name of the route, for keys of the nonce store. */
  readonly route: string
  /** The methods that the route forwards. */
  readonly ownMethods: readonly string[]
  readonly clock: Clock
  readonly nonces: NonceStore
  /** How long a claim may stand without commit or release: the receiver's time-out and a little more. */
  readonly lease: Milliseconds
  /** The secret behind a reference (`env:NAME`, `file:PATH`, `literal:TEXT`), as bytes; undefined once a problem was reported. */
  readonly secret: (reference: string, path: KeyPath) => Uint8Array | undefined
  /** The text of a file named in the configuration, relative to it; undefined once a problem was reported. */
  readonly file: (name: string, path: KeyPath) => string | undefined
  /**
   * The ranges of a named feed (`@stripe` → `stripe`) as they stand at each call: the range that holds the address, or
   * undefined. Undefined itself once a problem was reported.
   */
  readonly feed?: (name: string, path: KeyPath) => AddressTest | undefined
  /** SHA-256 of the certificates that an operator approved for this route, lower-case hex; undefined where none ever was. */
  readonly approved: () => ReadonlySet<string> | undefined
  /** How keys and confirmations are fetched; left out: over HTTPS, as the system knows it. */
  readonly get?: Get
  /** Something that is fetched from elsewhere, kept fresh for as long as this configuration holds. */
  readonly publish?: (publication: Publication) => Published
  /** Who is asked whether a certificate was revoked (OCSP). */
  readonly statuses?: StatusSource
  /** Reports an operator's mistake. `path` starts below the check's own key. */
  readonly problem: (path: KeyPath, what: string, mend: string) => void
  /** The settings of a neighbour check of the same route, as its schema gave them; undefined where the route has none. */
  readonly neighbour: (key: string) => unknown
}

/** Which range holds this address, in the operator's (or the feed's) spelling; undefined: none. Instant, never fails. */
export type AddressTest = (address: Address) => string | undefined

/** Where in the configuration: `['secrets', 0]`. */
export type KeyPath = readonly (string | number)[]

/** One key of a route: its settings, its reasons, and how they become questions. */
export interface Check<K extends string = string, S = unknown, R extends string = string> {
  readonly key: K
  /** Does this check prove who sent (so that a route with it needs no `open: true`)? */
  readonly authenticates: boolean
  readonly schema: ZodType<S>
  readonly reasons: Reasons<R>
  /** Settings → questions. Everything textual is parsed here; nothing is parsed per delivery. Reports problems, never throws for them. */
  compile(settings: S, tools: CheckTools): readonly Asked<R>[]
  /**
   * Lower-case names of the headers that decide for these settings: the guard refuses them repeated, and refuses a
   * `Connection` header that names them.
   */
  reads?(settings: S): readonly string[]
  /** Methods of requests that the check answers itself, besides those that the route forwards. */
  methods?(neighbour: (key: string) => unknown): readonly string[]
}

export function defineCheck<K extends string, S, R extends string>(check: Check<K, S, R>): Check<K, S, R> {
  return check
}

/** The questions of one check, ready for `decide`. */
export function compileCheck(check: Check, settings: unknown, tools: CheckTools): Question[] {
  return check.compile(settings, tools).map(({ stage, ask }) => ({ stage, ask, check: check.key, reasons: check.reasons }))
}
