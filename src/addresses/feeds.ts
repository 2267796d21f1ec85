import type { AddressTest } from '../core/check.ts'
import type { Publication, Published } from '../core/ports.ts'
import type { Instant } from '../core/units.ts'
import { feedNames, shippedFeed, type FeedDocument } from './feed-document.ts'
import { feedObjection, readFeed } from './feed-text.ts'
import { compileRanges } from './ranges.ts'

/** How it stands with a feed: for `check` and metrics. */
export interface FeedStanding {
  readonly name: string
  /** `nothing`: it was never fetched and ships without values, so that it holds no address. */
  readonly from: 'fetched' | 'snapshot' | 'nothing'
  /** Since when the list is this; undefined: never. */
  readonly at: Instant | undefined
  readonly ranges: number
}

/** A feed in use: its ranges as they stand at each call. */
export interface Feed {
  readonly test: AddressTest
  readonly standing: () => FeedStanding
}

interface Current extends Omit<FeedStanding, 'name'> { readonly test: AddressTest }

/**
 * A feed's ranges: what was fetched, or the snapshot where that is newer (a release brings newer ones) or nothing was
 * fetched. Asking is instant and never fails; a list is compiled once, when it changes.
 */
export function openFeed(name: string, document: FeedDocument, publish: (publication: Publication) => Published): Feed {
  const snapshot = snapshotOf(document)
  const published = publishedOf(document, snapshot, publish)
  let text: string | undefined
  let current = snapshot
  const now = (): Current => {
    const fresh = published?.text()
    if (fresh === text) return current
    text = fresh
    current = latest(snapshot, fetchedOf(document, fresh, published?.at()))
    return current
  }
  return {
    test: (address) => now().test(address),
    standing: () => {
      const { from, at, ranges } = now()
      return { name, from, at: from === 'fetched' ? published?.at() : at, ranges }
    },
  }
}

const nothing: Current = { from: 'nothing', at: undefined, ranges: 0, test: () => undefined }

function snapshotOf({ snapshot }: FeedDocument): Current {
  if (snapshot === undefined) return nothing
  const { date, ranges } = snapshot
  return { from: 'snapshot', at: Date.parse(date), ranges: ranges.length, test: compileRanges(ranges) }
}

function publishedOf(
  document: FeedDocument, snapshot: Current, publish: (publication: Publication) => Published,
): Published | undefined {
  const { url, refresh } = document
  if (url === undefined) return undefined
  const known = snapshot === nothing ? [] : document.snapshot?.ranges ?? []
  return publish({
    url, every: refresh,
    objection: (text, before) => feedObjection(document, text, before === undefined ? known : rangesOf(document, before)),
  })
}

function fetchedOf(document: FeedDocument, text: string | undefined, at: Instant | undefined): Current {
  const ranges = text === undefined ? [] : rangesOf(document, text)
  return ranges.length === 0 ? nothing : { from: 'fetched', at, ranges: ranges.length, test: compileRanges(ranges) }
}

function rangesOf(document: FeedDocument, text: string): readonly string[] {
  const reading = readFeed(document, text)
  return 'fault' in reading ? [] : reading.ranges
}

function latest(snapshot: Current, fetched: Current): Current {
  return fetched !== nothing && (fetched.at ?? 0) >= (snapshot.at ?? 0) ? fetched : snapshot
}

/** The feeds of one configuration: its own, and those that ship; opened when a route names them. */
export class Feeds {
  readonly #own: Readonly<Record<string, FeedDocument>>
  readonly #publish: (publication: Publication) => Published
  readonly #opened = new Map<string, Feed>()

  constructor(own: Readonly<Record<string, FeedDocument>>, publish: (publication: Publication) => Published) {
    this.#own = own
    this.#publish = publish
  }

  get names(): readonly string[] {
    return [...Object.keys(this.#own), ...feedNames()]
  }

  /** How it stands with those that a route names. */
  get standing(): readonly FeedStanding[] {
    return [...this.#opened.values()].map((feed) => feed.standing())
  }

  /** Undefined where there is none of this name. */
  find(name: string): Feed | undefined {
    const opened = this.#opened.get(name)
    if (opened !== undefined) return opened
    const document = Object.hasOwn(this.#own, name) ? this.#own[name] : shippedFeed(name)
    if (document === undefined) return undefined
    const feed = openFeed(name, document, this.#publish)
    this.#opened.set(name, feed)
    return feed
  }
}
