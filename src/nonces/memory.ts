import type { NonceStore } from '../core/nonce.ts'
import type { Clock } from '../core/ports.ts'
import { memoryKept } from './kept-memory.ts'
import { Ledger } from './ledger.ts'

/** About 75 MB when full. */
export const memoryCapacity = 1_000_000

/** `memory:`, for one process and no longer than it lives. Bounded: full means `StoreUnavailable`. */
export function memoryStore(clock: Clock, capacity = memoryCapacity): NonceStore {
  return new Ledger({ clock, capacity, kept: memoryKept() })
}
