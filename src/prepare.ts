import { Feeds } from './addresses/feeds.ts'
import type { ReadLists } from './certificates/digested-lists.ts'
import { FetchedLists, type Followed } from './certificates/fetched-lists.ts'
import type { Address, Arrival } from './core/delivery.ts'
import type { NonceStore } from './core/nonce.ts'
import type { Revoked, StatusSource } from './core/ocsp.ts'
import type { Plan, Problem, TlsPlan } from './core/plan.ts'
import type { Cancel, Clock } from './core/ports.ts'
import type { Route } from './core/policy.ts'
import type { Receiver, ReceiverPlan } from './core/receiver.ts'
import { compilePlan, type Parts } from './config/compile.ts'
import type { ConfigurationFiles } from './config/files.ts'
import { isUrl } from './config/listeners.ts'
import type { Loaded } from './config/load.ts'
import type { Settings } from './config/schema.ts'
import { ConfigurationError, type PlacedProblem } from './config/problems.ts'
import { isBelow } from './config/salvage.ts'
import { httpReceiver } from './forward/receiver.ts'
import { ambiguities, compileRoutes, type Ambiguity, type Find } from './listen/routes.ts'
import type { Wanted } from './listen/listener-set.ts'
import { expiriesOf, warnOfExpiry, type Expiry } from './listen/expiry.ts'
import { buildTlsOptions } from './listen/tls.ts'
import { keepBytes } from './outside/kept-bytes.ts'
import { Publications, type Warn } from './outside/publications.ts'
import type { Instant, Milliseconds } from './core/units.ts'
import type { World } from './world.ts'

/** Everything that a configuration says, ready to be served: what `run` uses and what `check` proves. */
export interface Prepared {
  readonly plan: Plan
  readonly find: Find
  /** Could any route admit this address? */
  readonly admits: (from: Address) => boolean
  readonly listeners: readonly Wanted[]
  readonly receivers: ReadonlyMap<string, Receiver>
  readonly receiverPlans: ReadonlyMap<string, ReceiverPlan>
  readonly files: ReadonlyMap<string, string>
  /** For problems that show later, when sockets are opened. */
  readonly place: (problem: Problem) => PlacedProblem
  /** What it fetches from elsewhere; not started. */
  readonly publications: Publications
  readonly feeds: Feeds
  readonly statuses: StatusSource
  readonly fetchedLists: FetchedLists
  /** Begins to fetch what is named, and ends what the one before did. */
  readonly follow: (log: FollowLog, lost: Lost, before: Prepared | undefined) => void
  readonly unfollow: () => void
  /** Own certificates, authorities and revocation lists, by when they end, and what there is to say of that. */
  readonly expiries: () => readonly Expiry[]
  readonly warnings: (now: Instant) => readonly string[]
}

/** What there is to say while it runs. */
export interface FollowLog {
  /** Something cannot be fetched. */
  readonly failed: Warn
  /** Something expires soon: at once, and each day from then on. */
  readonly remind: (text: string) => void
}

/** Told where senders that are connected may have lost their trust, by what came from elsewhere. */
export interface Lost { readonly listed: () => void; readonly revoked: Revoked }

export interface Preparation {
  readonly world: World
  readonly nonces: NonceStore
  /** A receiver of the state before whose plan is the same is used again, with its open connections. */
  readonly reuse: (plan: ReceiverPlan) => Receiver | undefined
  /** Who is asked whether certificates were revoked. */
  readonly statuses: StatusSource
  /** Revocation lists by URL; what is kept of them was loaded. */
  readonly fetchedLists: FetchedLists
  /** How lists of files are read; left out: there and then. */
  readonly readLists?: ReadLists
}

/** Compiles a read configuration. Throws `ConfigurationError` with every problem. */
export function prepare(loaded: Loaded, files: ConfigurationFiles, { world, nonces, reuse, statuses, fetchedLists, readLists }: Preparation): Prepared {
  const receivers = new Map<string, Receiver>()
  const receiverPlans = new Map<string, ReceiverPlan>()
  const { settings } = loaded
  const publications = new Publications({ clock: world.clock, fetch: world.fetch, directory: files.absolute(settings.fetched.directory) })
  const feeds = new Feeds(settings.feeds, publications.open)
  const parts: Parts = {
    clock: world.clock, environment: world.environment, nonces, publish: publications.open, feeds, get: world.get, statuses,
    receiver: (made) => {
      const receiver = reuse(made) ?? httpReceiver(made, world.clock)
      receivers.set(made.name, receiver)
      receiverPlans.set(made.name, made)
      return receiver
    },
  }
  const compiled = compilePlan(loaded, files, parts)
  const { plan } = compiled
  const problems = [...compiled.problems]
  const faulty = [...loaded.replaced, ...problems.map(({ path }) => path.slice(0, 2))]
  problems.push(...ambiguities(plan.routes).map((one) => asProblem(one, plan.routes)).filter(({ path }) => !isBelow(path, faulty)))
  const listeners = prepareListeners(plan, faulty, problems, (tls) => buildTlsOptions(tls, fetchedLists.at, readLists))
  if (problems.length > 0) {
    for (const one of receiverPlans.values()) if (reuse(one) === undefined) void receivers.get(one.name)?.close()
    throw new ConfigurationError(inFileOrder(problems.map(compiled.place)))
  }
  const { place, files: read } = compiled
  const warnings = (now: Instant): readonly string[] => [...warnOfExpiry(listeners, now, settings.warnBefore), ...listUrls(settings).filter((url) => fetchedLists.at(url).length === 0)
    .map((url) => `the revocation list ${url} was never fetched here: senders below its authority are refused until it is`)]
  let stopReminding: Cancel = () => {}
  return {
    plan, find: compileRoutes(plan.routes), admits: compileAdmission(plan.routes), listeners, receivers, receiverPlans, files: read, place,
    publications, feeds, statuses, fetchedLists, warnings, follow: ({ failed, remind }, { listed, revoked }, before) => {
      publications.start(failed, before?.publications)
      before?.unfollow()
      fetchedLists.start(followedBy(listeners), { warn: failed, listed })
      statuses.watch(revoked)
      stopReminding = remindDaily(world.clock, warnings, remind)
    },
    unfollow: () => {
      publications.stop()
      fetchedLists.stop()
      stopReminding()
    },
    expiries: () => expiriesOf(listeners),
  }
}

const day: Milliseconds = 86_400_000

function remindDaily(clock: Clock, warnings: Prepared['warnings'], remind: FollowLog['remind']): Cancel {
  let cancel: Cancel = () => {}
  const look = (): void => {
    for (const text of warnings(clock.now())) remind(text)
    cancel = clock.after(day, look)
  }
  look()
  return () => cancel()
}

/** Where lists are kept that were fetched. */
export function fetchedListsOf(world: World, directory: string): FetchedLists {
  return new FetchedLists({ clock: world.clock, exchange: world.exchange, kept: keepBytes(directory) })
}

/** The lists that are fetched, each with the authorities of the listener that asks it. */
function followedBy(listeners: readonly Wanted[]): readonly Followed[] {
  return listeners.flatMap(({ plan, tls: { authorities } }) => (plan.tls.clientCertificate?.crl ?? [])
    .flatMap((one) => ('url' in one ? { url: one.url, authorities } : [])))
}

/** The URLs of revocation lists. */
export function listUrls({ listeners }: Settings): readonly string[] {
  return [...new Set(listeners.flatMap(({ tls }) => tls.clientCertificate?.crl ?? []).filter(isUrl))]
}

/** Builds what TLS needs; of a listener that has problems already nothing further is said. */
function prepareListeners(plan: Plan, faulty: readonly Problem['path'][], problems: Problem[], build: (tls: TlsPlan) => ReturnType<typeof buildTlsOptions>): Prepared['listeners'] {
  return plan.listeners.flatMap((listener, at) => {
    if (isBelow(['listeners', at], faulty)) return []
    const built = build(listener.tls)
    if (!('problems' in built)) return [{ plan: listener, tls: built }]
    problems.push(...built.problems.map((problem) => ({ ...problem, path: ['listeners', at, 'tls', ...problem.path] })))
    return []
  })
}

/** As one reads the file. Problems of one place keep their order. */
function inFileOrder(problems: readonly PlacedProblem[]): PlacedProblem[] {
  return [...problems].sort((a, b) => a.line - b.line || a.column - b.column)
}

/** The questions of the connection stage, asked of an address alone; a route without one admits everybody. */
function compileAdmission(routes: readonly Route[]): (from: Address) => boolean {
  const asked = routes.map((route) => (
    route.mode === 'observe' ? [] : route.questions.filter((question) => question.stage === 'connection')
  ))
  if (asked.some((questions) => questions.length === 0)) return () => true
  return (from) => {
    const arrival: Arrival = { id: '', from, at: 0 }
    return asked.some((questions) => questions.every((question) => {
      const verdict = question.ask(arrival as never)
      return verdict instanceof Promise || verdict.verdict === 'pass'
    }))
  }
}


/** Two routes that nobody can tell apart, or one that nothing reaches. */
function asProblem(ambiguity: Ambiguity, routes: readonly Route[]): Problem {
  if (ambiguity.kind === 'unreachable') {
    const mend = 'write a host, path and method that a request can have'
    return { path: ['routes', ambiguity.route, 'match'], what: `nothing can reach this route: ${ambiguity.what}`, mend }
  }
  const other = routes[ambiguity.first]?.name ?? ''
  return {
    path: ['routes', ambiguity.second, 'match'], what: `the route ${other} takes the same requests`,
    mend: 'make one of them more specific by host or path, or give them different methods',
  }
}

/** Stands where a store will be while a configuration is only looked at. */
export const noStore: NonceStore = {
  claim: () => { throw new Error('no store is open') },
  find: () => { throw new Error('no store is open') },
  close: () => Promise.resolve(),
}
