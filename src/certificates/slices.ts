import { setImmediate as nextTurn } from 'node:timers/promises'

/** Long work, of which each step is short. */
export type Slices<T> = Generator<void, T, void>

/** All of it there and then. */
export function atOnce<T>(work: Slices<T>): T {
  for (;;) {
    const { done, value } = work.next()
    if (done === true) return value
  }
}

/** A step at a time, so that the event loop turns in between; `turn` waits for that. Rejects with what the work throws. */
export async function inSlices<T>(work: Slices<T>, turn: () => Promise<unknown> = nextTurn): Promise<T> {
  for (;;) {
    const { done, value } = work.next()
    if (done === true) return value
    await turn()
  }
}
