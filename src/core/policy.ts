import type { Question } from './check.ts'
import type { Mode } from './decide.ts'
import type { Receiver, ReceiverPlan } from './receiver.ts'

/** One route of the configuration, compiled: which deliveries meet which questions and which receiver. */
export interface Route {
  readonly name: string
  readonly match: Match
  readonly mode: Mode
  /** In the order in which they are asked. */
  readonly questions: readonly Question[]
  /** Lower-case names of the headers that decide something here: each may stand once, and `Connection` may not name it. */
  readonly reads: ReadonlySet<string>
  readonly forward: Forward
}

/** Which requests a route takes. */
export interface Match {
  /** Exact host names or `*.example.com` (one label), lower case; undefined: every name of the listener. */
  readonly hosts: readonly string[] | undefined
  /** `/a` exact, `/a/*` prefix by segment (takes `/a/b`, `/a/b/c` and `/a/`, not `/a`). */
  readonly path: string
  readonly methods: readonly string[]
}

export interface Forward {
  readonly receiver: Receiver
  /** In place of the path that matched; undefined: the same path, byte for byte. */
  readonly path: string | undefined
  /** How the sender's certificate is told to the receiver, where it showed one that is trusted. */
  readonly certificate: readonly CertificateHeader[]
  /** Where bodies are streamed to, both ways, instead of being held; no question of such a route needs the body. */
  readonly stream: ReceiverPlan | undefined
  /** Protocols that a connection may change to, in lower case; empty where bodies are held. */
  readonly upgrade: ReadonlySet<string>
}

/** RFC 9440, and Envoy's form. */
export const certificateHeaders = ['Client-Cert', 'Client-Cert-Chain', 'X-Forwarded-Client-Cert'] as const
export type CertificateHeader = (typeof certificateHeaders)[number]
