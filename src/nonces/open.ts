import { StoreUnavailable, type NonceStore } from '../core/nonce.ts'
import type { Problem } from '../core/plan.ts'
import type { Clock, Random } from '../core/ports.ts'
import type { StorePlan } from '../core/store-plan.ts'
import { fileStore, shareDirectory, type SharedDirectory } from './file.ts'
import { LocalStandIn } from './local.ts'
import { memoryStore } from './memory.ts'
import { StoreMistake } from './mistake.ts'
import { joinDirectory } from './shared.ts'

export type { SharedDirectory } from './file.ts'

/** What a store needs from outside. */
export interface StoreTools {
  readonly clock: Clock
  readonly random: Random
}

/** A store, or what the operator has to mend. */
export type OpenedStore = { readonly store: NonceStore } | { readonly problem: Problem }

/** A plan → the store. Rejects only for bugs and a failing world. */
export function openStore(plan: StorePlan, tools: StoreTools): Promise<OpenedStore> {
  return orProblem(async () => ({ store: await open(plan, tools) }))
}

/** Takes the directory of a `file:` plan for several processes. Rejects as `openStore` does. */
export function shareStore({ url }: StorePlan, tools: StoreTools): Promise<SharedDirectory | { readonly problem: Problem }> {
  return orProblem(() => shareDirectory(url.slice('file:'.length), tools))
}

/** Joins a directory that another process took. Rejects as `openStore` does. */
export function joinStore(directory: string, run: string, tools: StoreTools): Promise<OpenedStore> {
  return orProblem(() => Promise.resolve({ store: joinDirectory(directory, run, tools) }))
}

async function orProblem<T>(open: () => Promise<T>): Promise<T | { readonly problem: Problem }> {
  try {
    return await open()
  } catch (error) {
    const mistake = mistakeIn(error)
    if (mistake === undefined) throw error
    return { problem: { path: ['replay', 'store'], what: mistake.message, mend: mistake.mend } }
  }
}

/** What the file system refuses is the operator's to mend, too. */
function mistakeIn(error: unknown): StoreMistake | undefined {
  if (error instanceof StoreMistake) return error
  if (error instanceof StoreUnavailable) return new StoreMistake(error.message, 'stop one of the two gateways')
  if (!(error instanceof Error) || !('syscall' in error)) return undefined
  return new StoreMistake(`the store cannot be opened: ${error.message}`, 'let this process read and write there')
}

async function open(plan: StorePlan, tools: StoreTools): Promise<NonceStore> {
  const { url } = plan
  if (url === 'memory:') return memoryStore(tools.clock)
  if (url.startsWith('file:/')) return await fileStore(url.slice('file:'.length), tools)
  if (/^rediss?:/.test(url)) return await openShared(plan, tools)
  throw new StoreMistake(`${JSON.stringify(url)} is no store of nonces`, 'write `memory:`, `file:PATH` or `redis://HOST`')
}

/** Read only where it is used: its client is larger than the rest of the gateway. */
async function openShared(plan: StorePlan, tools: StoreTools): Promise<NonceStore> {
  const { redisStore } = await import('./redis.ts')
  const store = await redisStore(plan, tools)
  return plan.onFailure === 'local' ? new LocalStandIn(store, tools.clock) : store
}
