import type { Instant, Milliseconds } from './units.ts'

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
