/** Counts deliveries that are under way, so that an end can wait for the last one. */
export class UnderWay {
  #count = 0
  #waiting: (() => void)[] = []

  /** One more. What it gives is to be called when that one has come to its end. */
  begin(): () => void {
    this.#count += 1
    return this.#done
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
