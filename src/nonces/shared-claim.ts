import type { Linked } from '../core/linked.ts'
import type { Claimed, Nonce, Outcome } from '../core/nonce.ts'
import type { Milliseconds } from '../core/units.ts'
import type { Told } from './batch.ts'
import type { Verdict } from './replica.ts'
import { SettledOnce } from './settled-once.ts'

/** Who settles what a worker claimed. */
export interface Settles {
  readonly commit: (held: Held, outcome: Outcome) => Promise<boolean>
  readonly release: (held: Held) => Promise<boolean>
}

/** One claim of this worker. What fences it is its number in the journal. */
export class Held extends SettledOnce<Promise<boolean>> implements Linked<Held> {
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

  protected override keep(outcome: Outcome): Promise<boolean> {
    return this.#store.commit(this, outcome)
  }

  protected override giveBack(): Promise<boolean> {
    return this.#store.release(this)
  }
}

/** What somebody is told whose claim was not granted. */
export function claimedOf(verdict: Exclude<Verdict, 'yes'>): Claimed {
  if (typeof verdict === 'object') return { state: 'committed', status: verdict.status, material: verdict.material }
  return { state: 'in-flight' }
}

/** Somebody waits for what an entry comes to, as a promise. */
export class Answering<Answer> implements Told {
  readonly promise: Promise<Answer>
  readonly #answer: (verdict: Verdict) => Answer
  readonly #fail: (error: unknown) => void
  #resolve: ((answer: Answer) => void) | undefined
  #reject: ((error: unknown) => void) | undefined

  /** `answer`: what is to be told, once the entry is decided. `fail`: what is to be done where it cannot be told. Neither may throw. */
  constructor(answer: (verdict: Verdict) => Answer, fail: (error: unknown) => void) {
    this.#answer = answer
    this.#fail = fail
    this.promise = new Promise<Answer>((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  decided(verdict: Verdict): void {
    this.#resolve?.(this.#answer(verdict))
  }

  failed(error: unknown): void {
    this.#fail(error)
    this.#reject?.(error)
  }
}
