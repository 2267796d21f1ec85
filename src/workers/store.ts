import type { Problem } from '../core/plan.ts'
import type { StorePlan } from '../core/store-plan.ts'
import { joinStore, shareStore } from '../nonces/open.ts'
import type { OpenStore } from '../state.ts'
import type { World } from '../world.ts'

/** A store that the first process has taken for its workers. */
export interface CommonStore {
  /** What a worker has to know: the run, a colon, the directory. */
  readonly name: string
  readonly close: () => Promise<void>
}

/** Takes a `file:` store for the workers; undefined where each of them reaches the store by itself. */
export async function takeStore(plan: StorePlan, world: World): Promise<CommonStore | { readonly problem: Problem } | undefined> {
  if (!plan.url.startsWith('file:')) return undefined
  const taken = await shareStore(plan, world)
  if ('problem' in taken) return taken
  return { name: `${taken.run}:${plan.url.slice('file:'.length)}`, close: taken.close }
}

/** How a worker opens a store that the first process has taken. */
export function commonStore(name: string): OpenStore {
  const colon = name.indexOf(':')
  return (_plan, world) => joinStore(name.slice(colon + 1), name.slice(0, colon), world)
}
