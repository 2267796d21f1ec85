import type { Window } from './time-window.ts'
import type { Milliseconds } from './units.ts'

/** What a scheme says about time, ids and retries: all that the replay check needs to know of how a sender signs. */
export interface SchemeFacts {
  /** Does the signature cover a time? Where not, a captured delivery would verify for as long as the key lives. */
  readonly timestamped: boolean
  /** How far the signed time may be from now, by the preset. Undefined: the sender documents none. */
  readonly window: Window | undefined
  /** For how long the sender may send the same delivery again: how long an accepted id or body is to be remembered. */
  readonly retain: Milliseconds
  /** `resign`: a retry is signed anew · `repeat`: a retry repeats the same bytes · `none`: the sender never retries. */
  readonly retries: 'resign' | 'repeat' | 'none'
  /** Does the signature cover an id of the delivery, so that `Signed.id` may be there? */
  readonly signsId: boolean
}
