import type { Sending } from '../core/receiver.ts'

/** Whom a connection tells what comes of a request. After `complete` or `broken` nothing follows. */
export interface ResponseSink {
  /** Is there still somebody who waits for it? */
  readonly isWanted: boolean
  /** The request is about to be written, and may not be sent anywhere else from now on; `abort` breaks the connection. */
  readonly written: (connection: Sent) => void
  readonly head: (status: number, fields: readonly string[]) => 'go-on' | 'wait'
  readonly data: (chunk: Uint8Array) => 'go-on' | 'wait'
  readonly complete: () => void
  readonly broken: (fault: Breakage) => void
}

/** `kind`: the connection failed, or what came over it is no response. `code`: in the words of the system or ours. */
export interface Breakage { readonly kind: 'connection' | 'response'; readonly code: string }

/** A request that has left, as its sink holds it. */
export interface Sent extends Sending {
  /** Looks at what came and was not looked at yet. */
  readonly catchUp: () => void
}
