import { lookup, type LookupAddress, type LookupAllOptions } from 'node:dns'
import type { LookupFunction } from 'node:net'
import type { Clock } from '../core/ports.ts'
import type { Milliseconds } from '../core/units.ts'

/** How long the resolver may take where an earlier answer of it is known. */
const patience: Milliseconds = 500
/** For so long an answer stands in for one that does not come. */
const longest: Milliseconds = 600_000

/** The resolver of the system, as `dns.lookup` asks it: with an error there are no addresses. */
export type Resolve = (host: string, options: LookupAllOptions, found: Found) => void
type Found = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[] | undefined) => void

/**
 * Where the hosts of receivers are, as the system says (`/etc/hosts`, search domains, DNS). It has two threads for that, and a
 * resolver that does not answer holds one for ten seconds and more: getaddrinfo(3) cannot be called off. So each name is asked
 * for once at a time, for everybody who wants it, and what was answered before stands in where no answer comes. Who waits longer than he
 * may goes his own way (`connectTimeout`).
 */
export class Names {
  readonly #clock: Clock
  readonly #resolve: Resolve
  readonly #names = new Map<string, Name>()

  constructor(clock: Clock, resolve: Resolve = lookup) {
    this.#clock = clock
    this.#resolve = resolve
  }

  /** For `net.connect`. */
  readonly lookup: LookupFunction = (host, options, callback) => {
    const name = this.#names.get(host) ?? new Name(host, this.#clock, this.#resolve)
    this.#names.set(host, name)
    name.find({ ...options, all: true }, (error, addresses) => {
      const first = addresses?.[0]
      if (error !== null || addresses === undefined || first === undefined) return callback(error ?? noAddress(host), '')
      if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}

class Name {
  readonly #host: string
  readonly #clock: Clock
  readonly #resolve: Resolve
  readonly #waiting: Found[] = []
  #askedAt: Milliseconds | undefined
  #known: { readonly addresses: LookupAddress[]; readonly at: Milliseconds } | undefined

  constructor(host: string, clock: Clock, resolve: Resolve) {
    this.#host = host
    this.#clock = clock
    this.#resolve = resolve
  }

  find(options: LookupAllOptions, found: Found): void {
    this.#waiting.push(found)
    if (this.#askedAt === undefined) this.#ask(options)
    else if (this.#clock.monotonic() - this.#askedAt >= patience) this.#standIn()
  }

  #ask(options: LookupAllOptions): void {
    this.#askedAt = this.#clock.monotonic()
    const cancel = this.#clock.after(patience, () => this.#standIn())
    this.#resolve(this.#host, options, (error, addresses) => {
      cancel()
      this.#askedAt = undefined
      if (error === null && addresses !== undefined) this.#known = { addresses, at: this.#clock.monotonic() }
      // The resolver had no answer itself; that there is no such name would be one.
      if (error?.code === 'EAI_AGAIN') this.#standIn()
      this.#tell(error, addresses)
    })
  }

  /** What was answered before, where that is known. */
  #standIn(): void {
    const known = this.#known
    if (known !== undefined && this.#clock.monotonic() - known.at < longest) this.#tell(null, known.addresses)
  }

  #tell(error: NodeJS.ErrnoException | null, addresses: LookupAddress[] | undefined): void {
    for (const found of this.#waiting.splice(0)) found(error, addresses)
  }
}

function noAddress(host: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' })
}
