import { readConfiguration } from '../config/compile.ts'
import { memoryStore } from '../nonces/memory.ts'
import { fetchedListsOf, listUrls, prepare, type Prepared } from '../prepare.ts'
import { notAsked } from '../core/ocsp.ts'
import type { Clock } from '../core/ports.ts'
import type { Instant } from '../core/units.ts'
import type { World } from '../world.ts'

/** A prepared configuration that listens to nobody and forwards nothing. */
export interface Offline extends Pick<Prepared, 'plan' | 'find' | 'listeners'> {
  /** What the time is, for everything in it. */
  readonly clock: OfflineClock
}

/** A clock that is set, never runs, and never calls back. */
export class OfflineClock implements Clock {
  #now: Instant

  constructor(now: Instant) {
    this.#now = now
  }

  now = (): Instant => this.#now
  monotonic = (): number => this.#now
  after = (): (() => void) => () => {}

  set(now: Instant): void {
    this.#now = now
  }
}

/** Loads a configuration for judging recorded requests: its nonces are an empty memory. Throws `ConfigurationError`. */
export async function prepareOffline(file: string, world: World, at: Instant): Promise<Offline> {
  const clock = new OfflineClock(at)
  const { loaded, files } = readConfiguration(file)
  // Nobody is asked: no key is fetched, and no subscription is confirmed.
  const still = { ...world, clock, get: () => Promise.reject(new Error('nothing is fetched here')) }
  const fetchedLists = fetchedListsOf(still, files.absolute(loaded.settings.fetched.directory))
  await fetchedLists.load(listUrls(loaded.settings))
  const prepared = prepare(loaded, files, { world: still, nonces: memoryStore(clock), reuse: () => undefined, statuses: notAsked, fetchedLists })
  await Promise.all([...prepared.receivers.values()].map((receiver) => receiver.close()))
  return { plan: prepared.plan, find: prepared.find, listeners: prepared.listeners, clock }
}
