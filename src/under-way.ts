/** Counts deliveries that are under way, so that an end can wait for the last one. */
export class UnderWay {
  #count = 0
  #waiting: (() => void)[] = []

  /** Counts a passage until it has come to its end. */
  add(passage: Promise<void>): Promise<void> {
    this.#count += 1
    return passage.then(this.#done, this.#done)
  }

  get size(): number {
    return this.#count
  }

  /** Resolves once there are none. */
  quiet(): Promise<void> {
    if (this.#count === 0) return Promise.resolve()
    return new Promise((resolve) => { this.#waiting.push(resolve) })
  }

  readonly #done = (): void => {
    this.#count -= 1
    if (this.#count > 0) return
    for (const wake of this.#waiting.splice(0)) wake()
  }
}
