import type { Claim, Outcome } from '../core/nonce.ts'

/** A claim of any store, settled once: after the first `commit` or `release` neither does anything, and both answer false. */
export abstract class SettledOnce<Answer extends boolean | Promise<boolean>> implements Claim {
  readonly state = 'claimed'
  #isSettled = false

  commit(outcome: Outcome): Answer | false {
    return this.#isFirst() && this.keep(outcome)
  }

  release(): Answer | false {
    return this.#isFirst() && this.giveBack()
  }

  protected abstract keep(outcome: Outcome): Answer
  protected abstract giveBack(): Answer

  #isFirst(): boolean {
    const isFirst = !this.#isSettled
    this.#isSettled = true
    return isFirst
  }
}
