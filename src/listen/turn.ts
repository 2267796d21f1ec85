import type { TLSSocket } from 'node:tls'
import type { Address, PeerCertificate } from '../core/delivery.ts'
import type { Headers } from '../core/headers.ts'
import type { Limits } from '../core/plan.ts'
import type { Clock } from '../core/ports.ts'
import type { SenderConnection } from './connection.ts'
import type { RequestHead } from './head-reader.ts'
import type { Reply } from './reply.ts'
import type { RequestBody } from './request-body.ts'

/** A request whose turn it is. */
export interface Turn extends RequestHead {
  readonly body: RequestBody
  readonly reply: Reply
  /** Where this request ends nobody can say: the connection closes behind the answer. */
  readonly forfeit: () => void
}

/** Ends what is spoken on a connection in place of HTTP, where something is. */
export type CutOff = (why: 'age' | 'certificate' | 'drain') => void

export interface SenderParts {
  readonly socket: TLSSocket
  readonly from: Address
  readonly limits: Limits
  readonly certificateOf: () => PeerCertificate | undefined
  readonly sourceOf: (headers: Headers) => Address | undefined
  readonly serve: (turn: Turn, connection: SenderConnection) => void
  /** Answers, and records, what came in place of a request. */
  readonly refuse: (sender: SenderConnection, reply: Reply, reason: 'malformed-request' | 'headers-timeout', what: string) => void
  readonly clock: Clock
  /** `Date` of an answer. */
  readonly date: () => string
}
