import { isDeepStrictEqual } from 'node:util'
import { digestLists } from './certificates/digested-lists.ts'
import { StatusesWhenAsked } from './certificates/ocsp-when-asked.ts'
import { readConfiguration } from './config/compile.ts'
import type { ConfigurationFiles } from './config/files.ts'
import { listFiles } from './config/listeners.ts'
import type { Settings } from './config/schema.ts'
import { compileStore } from './config/store.ts'
import type { NonceStore } from './core/nonce.ts'
import { notAsked } from './core/ocsp.ts'
import type { Problem } from './core/plan.ts'
import type { Receiver, ReceiverPlan } from './core/receiver.ts'
import type { StorePlan } from './core/store-plan.ts'
import { openStore, type OpenedStore } from './nonces/open.ts'
import { fetchedListsOf, listUrls, noStore, prepare, type Prepared } from './prepare.ts'
import { UnderWay } from './under-way.ts'
import type { World } from './world.ts'

/** What is served at one time; replaced whole by a reload. */
export interface State {
  readonly prepared: Prepared
  readonly settings: Settings
  /** Where what is fetched is kept. */
  readonly fetchedDirectory: string
  readonly nonces: NonceStore
  readonly storePlan: StorePlan
  /** The deliveries that came in with this state. */
  readonly underWay: UnderWay
}

export interface Loading {
  /** Gets to know every file that is read, even where loading fails. */
  readonly files: ConfigurationFiles
  readonly world: World
  /** What it has open and still fits is used again. */
  readonly before: State | undefined
  readonly openStore: OpenStore
}

export type OpenStore = (plan: StorePlan, world: World) => Promise<OpenedStore>

/** Reads and compiles. Rejects with `ConfigurationError`, and nothing new stays open then. */
export async function loadState({ files, world, before, openStore: open }: Loading): Promise<State> {
  const { loaded } = readConfiguration(files.configuration, files)
  const { settings } = loaded
  const mistakes: Problem[] = [...loaded.problems]
  const storePlan = compileStore(settings.replay, files, world.environment, (problem) => { mistakes.push(problem) })
  const sameStore = before !== undefined && isDeepStrictEqual(before.storePlan, storePlan)
  // A store that is written wrong is not opened; what is wrong is told with the rest.
  const openable = mistakes.length === loaded.problems.length
  const opened = sameStore ? { store: before.nonces } : openable ? await open(storePlan, world) : { store: noStore }
  const same = (plan: ReceiverPlan): Receiver | undefined => {
    const then = before?.prepared.receiverPlans.get(plan.name)
    return JSON.stringify(then) === JSON.stringify(plan) ? before?.prepared.receivers.get(plan.name) : undefined
  }
  const nonces = 'store' in opened ? opened.store : noStore
  const problems = 'store' in opened ? mistakes : [...mistakes, opened.problem]
  // What responders said holds whatever is reloaded.
  const statuses = before?.prepared.statuses ?? new StatusesWhenAsked(world)
  const directory = files.absolute(settings.fetched.directory)
  const fetchedLists = before?.fetchedDirectory === directory ? before.prepared.fetchedLists : fetchedListsOf(world, directory)
  await fetchedLists.load(listUrls(settings))
  const readLists = await digestLists(await listFiles(settings, files))
  try {
    return { settings, fetchedDirectory: directory, nonces, storePlan, underWay: new UnderWay(), prepared: prepare({ ...loaded, problems }, files, { world, nonces, reuse: same, statuses, fetchedLists, readLists }) }
  } catch (error) {
    if (!sameStore) await nonces.close()
    throw error
  } finally {
    files.forget()
  }
}

/** A configuration that was looked at: good, and nothing of it is open. */
export interface Looked { readonly settings: Settings; readonly prepared: Prepared; readonly storePlan: StorePlan }

/** Rejects with `ConfigurationError`, and nothing else. */
export async function looked(files: ConfigurationFiles, world: World): Promise<Looked> {
  const { loaded } = readConfiguration(files.configuration, files)
  const problems: Problem[] = [...loaded.problems]
  const storePlan = compileStore(loaded.settings.replay, files, world.environment, (problem) => { problems.push(problem) })
  const readLists = await digestLists(await listFiles(loaded.settings, files))
  const fetchedLists = fetchedListsOf(world, files.absolute(loaded.settings.fetched.directory))
  const prepared = prepare({ ...loaded, problems }, files, { world, nonces: noStore, reuse: () => undefined, statuses: notAsked, fetchedLists, readLists })
  files.forget()
  return { settings: loaded.settings, prepared, storePlan }
}

export const openOwnStore: OpenStore = openStore

/** Closes what the one state has open and the other does not use, once the deliveries that came in with it are through. */
export async function releaseState(gone: State, kept: State | undefined): Promise<void> {
  await gone.underWay.quiet()
  const still = new Set(kept?.prepared.receivers.values())
  await Promise.all([...gone.prepared.receivers.values()].map((receiver) => (still.has(receiver) ? undefined : receiver.close())))
  if (gone.nonces !== kept?.nonces) await gone.nonces.close()
}
