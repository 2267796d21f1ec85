import type { X509Certificate } from 'node:crypto'
import type { Cancel, Clock, Exchange, KeptBytes } from '../core/ports.ts'
import type { Bytes, Instant, Milliseconds } from '../core/units.ts'
import { nameOf, objectionTo } from './revocation.ts'
import { readRevocationListsLater, type RevocationList } from './revocation-list.ts'

export interface FetchedListsParts { readonly clock: Clock; readonly exchange: Exchange; readonly kept: KeptBytes }

/** A URL that a configuration names, and the authorities that may have issued what stands there. */
export interface Followed { readonly url: string; readonly authorities: readonly X509Certificate[] }

/** Who wants to know what comes of it. */
export interface Told {
  readonly warn: (url: string, what: string) => void
  /** New lists took the place of those before. */
  readonly listed: () => void
}

/** On either clock. */
interface Due { readonly wall: Instant; readonly monotonic: Milliseconds }

const largest: Bytes = 64 * 1024 * 1024
const patience: Milliseconds = 30_000
/** After a failure, and at the least between two questions. */
const pause: Milliseconds = 60_000
/** At the latest: authorities issue a list early when something happened. */
const longest: Milliseconds = 6 * 3_600_000
const skew: Milliseconds = 60_000

/**
 * Revocation lists that are fetched: the last good ones of each URL, in memory and on disk, asked for again when half of
 * the time to their next update is over. What is not signed by an authority of the listener, is too old, or older than
 * what we have never takes their place. Everything is read in slices and hashed off the event loop.
 */
export class FetchedLists {
  readonly #parts: FetchedListsParts
  readonly #held = new Map<string, readonly RevocationList[]>()
  readonly #timers = new Map<string, Cancel>()
  #told: Told = { warn: () => {}, listed: () => {} }

  constructor(parts: FetchedListsParts) {
    this.#parts = parts
  }

  /** The lists of a URL as they stand; empty until there was a good one. */
  readonly at = (url: string): readonly RevocationList[] => this.#held.get(url) ?? []

  /** Reads what is kept of those that are not known yet. Never rejects. */
  async load(urls: readonly string[]): Promise<void> {
    for (const url of urls) {
      const bytes = this.#held.has(url) ? undefined : await this.#parts.kept.read(url)
      if (bytes !== undefined) await readRevocationListsLater(bytes).then((lists) => this.#held.set(url, lists), () => undefined) // torn: it is fetched anew
    }
  }

  /** From now on these are kept fresh, and no others. */
  start(followed: readonly Followed[], told: Told): void {
    this.stop()
    this.#told = told
    for (const url of new Set(followed.map((one) => one.url))) {
      const authorities = followed.flatMap((one) => (one.url === url ? one.authorities : []))
      this.#later(url, authorities, this.#held.has(url) ? this.#delay(url) : 0)
    }
  }

  stop(): void {
    for (const cancel of this.#timers.values()) cancel()
    this.#timers.clear()
  }

  #later(url: string, authorities: readonly X509Certificate[], delay: Milliseconds): void {
    const { clock } = this.#parts
    this.#await(url, authorities, { wall: clock.now() + delay, monotonic: clock.monotonic() + delay })
  }

  /** Looks at both clocks each minute: one that leaps ahead, or a machine that slept, ages a list at once. */
  #await(url: string, authorities: readonly X509Certificate[], due: Due): void {
    const { clock } = this.#parts
    const isDue = (): boolean => clock.now() >= due.wall || clock.monotonic() >= due.monotonic
    const cancel = clock.after(Math.min(pause, due.monotonic - clock.monotonic()), () => {
      if (!isDue()) return this.#await(url, authorities, due)
      const isWanted = (): boolean => this.#timers.get(url) === cancel
      void this.#refresh(url, authorities, isWanted).then((next) => { if (isWanted()) this.#later(url, authorities, next) })
    })
    this.#timers.set(url, cancel)
  }

  /** Never rejects: whoever publishes may be down, and the last good lists stay for as long as they hold. */
  async #refresh(url: string, authorities: readonly X509Certificate[], isWanted: () => boolean): Promise<Milliseconds> {
    const abort = new AbortController()
    const cancel = this.#parts.clock.after(patience, () => abort.abort())
    try {
      const bytes = await this.#parts.exchange({ url, cap: largest, signal: abort.signal })
      cancel()
      const lists = await readRevocationListsLater(bytes)
      const why = await this.#objection(lists, this.at(url), authorities)
      if (why !== undefined) throw new Error(`refused: ${why}`)
      if (!isWanted()) return pause // another one is on its way by now, under other rules
      this.#held.set(url, lists)
      this.#told.listed()
      await this.#parts.kept.write(url, bytes)
      return this.#delay(url)
    } catch (error) {
      this.#told.warn(url, this.#explain(url, error))
      return pause
    } finally {
      cancel()
    }
  }

  #explain(url: string, error: unknown): string {
    const what = error instanceof Error ? error.message : String(error)
    const ends = this.at(url).map(({ nextUpdate }) => nextUpdate)
    return ends.length === 0 ? `${what}; nothing is known from there, so that its senders are refused` : `${what}; what is known holds until ${new Date(Math.min(...ends)).toISOString()}`
  }

  /** Half of the time that is left. */
  #delay(url: string): Milliseconds {
    const left = Math.min(...this.at(url).map(({ nextUpdate }) => nextUpdate)) - this.#parts.clock.now()
    return Math.max(pause, Math.min(left / 2, longest))
  }

  async #objection(lists: readonly RevocationList[], before: readonly RevocationList[], authorities: readonly X509Certificate[]): Promise<string | undefined> {
    const now = this.#parts.clock.now()
    for (const list of lists) {
      const named = authorities.filter((one) => list.names(one))
      const [authority] = named
      if (authority === undefined) return 'the authority that issued it is not in `ca`'
      const signed = await Promise.all(named.map((one) => list.isIssuedByLater(one)))
      if (!signed.includes(true)) return objectionTo(authority)
      const why = objectionOfTime(list, before.filter((one) => one.names(authority)), now)
      if (why !== undefined) return `the list of ${nameOf(authority)} ${why}`
    }
    const lost = authorities.find((one) => before.some((list) => list.names(one)) && !lists.some((list) => list.names(one)))
    return lost && `the list of ${nameOf(lost)} is no longer there`
  }
}

function objectionOfTime({ thisUpdate, nextUpdate, number }: RevocationList, before: readonly RevocationList[], now: number): string | undefined {
  if (now > nextUpdate) return `has expired at ${new Date(nextUpdate).toISOString()}`
  if (thisUpdate > now + skew) return `holds only from ${new Date(thisUpdate).toISOString()} on`
  const older = before.some((known) => thisUpdate < known.thisUpdate || (number !== undefined && known.number !== undefined && number < known.number) || (number === undefined && known.number !== undefined))
  return older ? 'is older than the one that is known' : undefined
}
