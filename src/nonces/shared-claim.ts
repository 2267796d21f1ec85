import type { Linked } from '../core/linked.ts'
import type { Claimed, Nonce, Outcome } from '../core/nonce.ts'
import type { Milliseconds } from '../core/units.ts'
import type { Verdict } from './replica.ts'
import { SettledOnce } from './settled-once.ts'

/** Who settles what a worker claimed. */
export interface Settles {
  readonly commit: (held: Held, outcome: Outcome) => boolean
  readonly release: (held: Held) => boolean
}

/** One claim of this worker. What fences it is its number in the journal. */
export class Held extends SettledOnce<boolean> implements Linked<Held> {
  before: Held | undefined
  after: Held | undefined
  readonly nonce: Nonce
  readonly number: number
  readonly ends: Milliseconds
  readonly #store: Settles

  constructor(store: Settles, nonce: Nonce, number: number, ends: Milliseconds) {
    super()
    this.#store = store
    this.nonce = nonce
    this.number = number
    this.ends = ends
  }

  protected override keep(outcome: Outcome): boolean {
    return this.#store.commit(this, outcome)
  }

  protected override giveBack(): boolean {
    return this.#store.release(this)
  }
}

/** What somebody is told whose claim was not granted. */
export function claimedOf(verdict: Exclude<Verdict, 'yes'>): Claimed {
  if (typeof verdict === 'object') return { state: 'committed', status: verdict.status, material: verdict.material }
  return { state: 'in-flight' }
}
