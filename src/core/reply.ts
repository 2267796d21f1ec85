/** The way back to a sender: one answer to one request. Nothing here throws for what a sender does. */
export interface ReplyWriter {
  /** The answer is over, or the sender is gone: whatever is written goes nowhere. */
  readonly isGone: boolean
  readonly headSent: boolean
  /** `headers`: name, value … without `Connection` and `Transfer-Encoding`. Once. It leaves with what follows. */
  readonly writeHead: (status: number, headers: readonly string[]) => void
  /** False: the sender is behind, wait for `onDrain`. */
  readonly write: (chunk: Uint8Array) => boolean
  readonly end: (chunk?: Uint8Array) => void
  /** Runs once, when the sender has read on or is gone. */
  readonly onDrain: (run: () => void) => void
  /** Runs once the answer is over, whatever became of it; at once where it is. */
  readonly whenOver: (run: () => void) => void
  /** The answer broke off: only a broken connection says so. */
  readonly abort: () => void
}
