import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Problem } from '../core/plan.ts'
import type { StorePlan } from '../core/store-plan.ts'
import { fileKept } from '../nonces/kept-file.ts'
import { serveStore } from '../nonces/shared-owner.ts'
import { connectStore } from '../nonces/shared-worker.ts'
import { openOwnStore, type OpenStore } from '../state.ts'
import type { World } from '../world.ts'

/** A store that the first process has open for its workers. */
export interface CommonStore {
  /** Where workers reach it. */
  readonly path: string
  readonly close: () => Promise<void>
}

/** The most that the path of a Unix socket may have (unix(7): 108 bytes with a zero at the end). */
const longestPath = 107

/** Opens and serves a `file:` store; undefined where each worker reaches the store by itself. */
export async function shareStore(plan: StorePlan, world: World): Promise<CommonStore | { readonly problem: Problem } | undefined> {
  if (!plan.url.startsWith('file:')) return undefined
  const opened = await openOwnStore(plan, world)
  if ('problem' in opened) return opened
  const { store } = opened
  const door = placeForDoor(plan.url.slice('file:'.length))
  const served = await serveStore(store, door.path)
  const close = async (): Promise<void> => {
    await served.close()
    await store.close()
    rmSync(door.remove, { recursive: true, force: true })
  }
  return { path: door.path, close }
}

/** Beside the nonces, where we may surely write; elsewhere only where that path is too long. */
function placeForDoor(directory: string): { readonly path: string; readonly remove: string } {
  const path = join(directory, 'workers.sock')
  if (Buffer.byteLength(path) <= longestPath) return { path, remove: path }
  const own = mkdtempSync(join(tmpdir(), 'sallyport-'))
  return { path: join(own, 'workers.sock'), remove: own }
}

/** How a worker opens the store of the first process. */
export function servedStore(path: string): OpenStore {
  return async ({ url }, { clock }) => {
    const store = await connectStore(path, clock)
    // Files are shared as they are: there is nothing to ask the first process for.
    const kept = fileKept(url.slice('file:'.length))
    return { store: { kept, claim: (nonce, lease) => store.claim(nonce, lease), find: (nonce) => store.find(nonce), close: () => store.close() } }
  }
}
