import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Bytes } from '../../src/core/units.ts'

type Collect = (options?: { readonly type: 'minor' | 'major' }) => void

function collector(): Collect {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as Collect
}

const collect = collector()

/** Things of 8 KiB that are let in and out again. */
export interface Ballast { readonly ballast: readonly number[] }

const ballastOf = (): Ballast => ({ ballast: new Array<number>(1_024).fill(0) })
/** As many as are in at one time, and as many as come: 32 MiB of them. */
const [inside, coming] = [32, 4_096]

/**
 * What is left in the heap of all that came and went through something that has been there for long: what only a large collection of the garbage
 * would find. `enter` gives how its one leaves again.
 */
export function leftBehind(enter: (one: Ballast) => () => void): Bytes {
  const leave: (() => void)[] = []
  const pass = (count: number): void => {
    for (let at = 0; at < count; at++) {
      if (leave.length === inside) leave.shift()?.()
      leave.push(enter(ballastOf()))
    }
  }
  pass(inside * 8)
  collect()
  const before = used()
  pass(coming)
  return used() - before
}

function used(): Bytes {
  collect({ type: 'minor' })
  return getHeapStatistics().used_heap_size
}

/** The large collection, and whatever it has freed. */
export function collectAll(): void {
  collect()
  collect()
}
