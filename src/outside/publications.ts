import type { Cancel, Clock, Fetch, Publication, Published } from '../core/ports.ts'
import type { Bytes, Instant, Milliseconds } from '../core/units.ts'
import { readKept, writeKept } from './kept-file.ts'

export interface PublicationsParts {
  readonly clock: Clock
  readonly fetch: Fetch
  /** Where the last good texts are kept over restarts. */
  readonly directory: string
}

/** Says what went wrong; what was good before stays. */
export type Warn = (url: string, what: string) => void

/** How it stands with one publication: for `check`, the log and metrics. */
export interface Standing { readonly url: string; readonly at: Instant | undefined }

const largest: Bytes = 8 * 1024 * 1024
const patience: Milliseconds = 15_000
/** After a failure; and the least between two questions, however many ask for one (a sender can, by an unknown key id). */
const pause: Milliseconds = 60_000

/**
 * What a configuration fetches from elsewhere. Each URL is fetched once however many name it; the last good text stays
 * in memory and on disk, and one that its publication objects to never takes its place. `start` begins to fetch; without
 * it (`check`, `explain`) what is kept is all there is.
 */
export class Publications {
  readonly #parts: PublicationsParts
  readonly #sources = new Map<string, Source>()

  constructor(parts: PublicationsParts) {
    this.#parts = parts
  }

  /** The same for the same URL; of two opinions on how it is judged, the first holds. */
  readonly open = (publication: Publication): Published => {
    const known = this.#sources.get(publication.url)
    if (known !== undefined) return known
    const source = new Source(publication, this.#parts)
    this.#sources.set(publication.url, source)
    return source
  }

  /** Takes over what an earlier configuration has, which the disk may have failed to keep; then fetches what is old. */
  start(warn: Warn, before?: Publications): void {
    const known = before === undefined ? new Map<string, Source>() : before.#sources
    for (const [url, source] of this.#sources) source.start(warn, known.get(url))
  }

  stop(): void {
    for (const source of this.#sources.values()) source.stop()
  }

  get standing(): readonly Standing[] {
    return [...this.#sources].map(([url, source]) => ({ url, at: source.at() }))
  }
}

class Source implements Published {
  readonly #publication: Publication
  readonly #parts: PublicationsParts
  #text: string | undefined
  #at: Instant | undefined
  /** Monotonic; undefined: never. */
  #asked: Milliseconds | undefined
  #asking: Promise<void> | undefined
  #cancel: Cancel = () => {}
  #warn: Warn = () => {}
  #state: 'still' | 'started' | 'stopped' = 'still'

  constructor(publication: Publication, parts: PublicationsParts) {
    this.#publication = publication
    this.#parts = parts
    const kept = readKept(parts.directory, publication.url)
    if (kept !== undefined && publication.objection(kept.text, undefined) === undefined) this.#hold(kept.text, kept.at)
  }

  readonly text = (): string | undefined => this.#text
  readonly at = (): Instant | undefined => this.#at

  readonly refresh = async (): Promise<void> => {
    const { clock } = this.#parts
    if (this.#state !== 'started') return
    if (this.#asking !== undefined) return this.#asking
    if (this.#asked !== undefined && clock.monotonic() - this.#asked < pause) return
    this.#asked = clock.monotonic()
    this.#asking = this.#ask().finally(() => { this.#asking = undefined })
    return this.#asking
  }

  start(warn: Warn, before: Source | undefined): void {
    this.#warn = warn
    const [text, at] = [before?.text(), before?.at()]
    if (text !== undefined && at !== undefined && (this.#at ?? 0) < at) this.#hold(text, at)
    this.#state = 'started'
    const age = this.#at === undefined ? Infinity : this.#parts.clock.now() - this.#at
    this.#later(Math.max(0, this.#publication.every - age))
  }

  stop(): void {
    this.#state = 'stopped'
    this.#cancel()
  }

  #later(delay: Milliseconds): void {
    this.#cancel()
    // A timer longer than 2^31 ms fires at once; a day is long enough to look again.
    this.#cancel = this.#parts.clock.after(Math.min(delay, 86_400_000), () => void this.refresh())
  }

  /** Never rejects: whoever publishes may be down, and the last good text stays. */
  async #ask(): Promise<void> {
    const { url, every, objection } = this.#publication
    let next = Math.min(pause, every)
    try {
      const text = await this.#parts.fetch(url, largest, patience)
      const why = objection(text, this.#text)
      if (why !== undefined) throw new Error(`refused: ${why}`)
      this.#hold(text, this.#parts.clock.now())
      next = every
      writeKept(this.#parts.directory, url, { text, at: this.#at ?? 0 })
    } catch (error) {
      this.#warn(url, error instanceof Error ? error.message : String(error))
    }
    if (this.#state === 'started') this.#later(Math.max(next, pause))
  }

  #hold(text: string, at: Instant): void {
    this.#text = text
    this.#at = at
  }
}
