import type { AddressInfo } from 'node:net'
import { AdminServer } from './admin/server.ts'
import { AuditLog, operatorLog, type AuditState, type OperatorLog } from './audit/log.ts'
import { Metrics } from './audit/metrics.ts'
import type { Decided } from './audit/record.ts'
import { fromSocket } from './addresses/address.ts'
import { ConfigurationFiles, fileReference } from './config/files.ts'
import { ConfigurationError } from './config/problems.ts'
import type { Settings } from './config/schema.ts'
import { BodyBudget } from './listen/body.ts'
import { Connections, type ConnectionLimits } from './listen/connections.ts'
import { ListenFault } from './listen/listen-fault.ts'
import type { Drop } from './listen/drop.ts'
import { ListenerSet } from './listen/listener-set.ts'
import { Load, type LoadLimits } from './listen/load.ts'
import { requestReasons } from './listen/reasons.ts'
import { Reloads, tellLate, type Reloaded } from './reload.ts'
import { loadState, releaseState, type State } from './state.ts'
import { alone, type Surroundings } from './surroundings.ts'
import { createWay, type Phase } from './way.ts'
import { newDeliveryId } from './core/delivery-id.ts'
import type { Milliseconds } from './core/units.ts'
import type { World } from './world.ts'

/** For so long a draining gateway still takes what comes on connections that are open; then it says that it is going. */
const lastCall: Milliseconds = 500

/**
 * The gateway, wired: configuration in, running process out. A reload builds a whole new state and swaps it; where that
 * fails, the old one stays. `drain` lets deliveries that are under way finish.
 */
export class Gateway {
  readonly log: OperatorLog
  readonly #world: World
  readonly #around: Surroundings
  readonly #audit: AuditLog
  readonly #metrics: Metrics
  readonly #budget: BodyBudget
  readonly #load: Load
  readonly #connections: Connections
  readonly #admin: AdminServer
  readonly #listeners: ListenerSet
  readonly #reloads: Reloads
  #state: State
  /** What states before this one still have to finish. */
  #retired: Promise<unknown> = Promise.resolve()
  #phase: Phase = 'open'
  #drained: Promise<void> | undefined

  private constructor(file: string, world: World, state: State, around: Surroundings) {
    const { log, limits } = state.settings
    this.#world = world
    this.#around = around
    this.#state = state
    this.log = operatorLog(log.level)
    const to = around.audit ?? fileReference(log.audit, new ConfigurationFiles(file))
    this.#audit = new AuditLog(to, this.log)
    this.#budget = new BodyBudget(Math.floor(limits.buffered / around.workers))
    this.#load = new Load(loadLimits(limits, around.workers), world.clock)
    this.#connections = new Connections(connectionLimits(limits, around.workers), world.clock, () => this.#load.isLate)
    this.#metrics = new Metrics({
      heldBytes: () => this.#budget.held, connections: () => this.#connections.open, load: this.#load, audit: this.#audit,
      expiries: () => this.#state.prepared.expiries(), statuses: () => this.#state.prepared.statuses.tally(),
      feeds: () => this.#state.prepared.feeds.standing.map(({ name, at, ranges }) => ({ name, ranges, age: at && world.clock.now() - at })),
    })
    this.#admin = new AdminServer({
      ready: () => this.#phase === 'open', metrics: () => this.#metrics.text(), metricsType: this.#metrics.contentType,
    })
    this.#listeners = this.#makeListeners()
    this.#reloads = new Reloads({ file, files: state.prepared.files, log: this.log, metrics: this.#metrics, take: (files) => this.#take(files) })
  }

  /** Reads, checks, opens and listens. Rejects with `ConfigurationError`, and nothing stays open then. */
  static async start(file: string, world: World, around = alone): Promise<Gateway> {
    const files = new ConfigurationFiles(file)
    const gateway = new Gateway(file, world, await loadState({ files, world, before: undefined, openStore: around.openStore }), around)
    try {
      await gateway.#listen()
      gateway.#follow(undefined)
      return gateway
    } catch (error) {
      await gateway.#close()
      throw gateway.#told(error, gateway.#state)
    }
  }

  /** Where the listeners listen, in the order of the configuration. */
  get addresses(): readonly AddressInfo[] {
    return this.#listeners.addresses
  }

  /** Every file whose change is a reason to reload. */
  get files(): ReadonlyMap<string, string> {
    return this.#reloads.files
  }

  /** Takes the configuration as it stands now, or, where it is wrong, leaves everything as it is. One at a time. */
  reload(): Promise<Reloaded> {
    return this.#reloads.again()
  }

  /** What was counted, for a page over several processes. */
  measure(): ReturnType<Metrics['snapshot']> {
    return this.#metrics.snapshot()
  }

  /** After a log rotation. */
  reopenLogs(): void {
    this.#audit.reopen()
  }

  /** Whether the process that writes our records for us can. */
  holdAudit(state: AuditState): void {
    this.#audit.hold(state)
  }

  /**
   * The end: readiness turns, no new connections, what is under way finishes, nonces and audit are written. Resolves when
   * all is closed; what is not finished after `drain` is cut off.
   */
  drain(): Promise<void> {
    this.#drained ??= this.#drain()
    return this.#drained
  }

  async #drain(): Promise<void> {
    this.#phase = 'last-call'
    this.#world.clock.after(lastCall, () => { this.#phase = 'closed' })
    await this.#reloads.stop()
    const cancel = this.#world.clock.after(this.#state.settings.drain, () => this.#listeners.destroy())
    this.#state.prepared.unfollow()
    await this.#listeners.stop()
    await this.#state.underWay.quiet()
    cancel()
    await this.#close()
  }

  async #listen(): Promise<void> {
    const { prepared, settings } = this.#state
    await this.#listeners.change(prepared.listeners, prepared.plan.limits)
    if (settings.admin === undefined || this.#around.admin === 'none') return
    const admin = await this.#admin.listen(settings.admin.address).catch((error: unknown) => { throw new ListenFault(error, ['admin', 'address']) })
    this.log.info({ admin }, 'health and metrics')
  }

  async #close(): Promise<void> {
    await this.#listeners.stop()
    await Promise.all([this.#retired, releaseState(this.#state, undefined)])
    this.#load.stop()
    await this.#admin.close()
    await this.#audit.close()
  }

  async #take(files: ConfigurationFiles): Promise<void> {
    await this.#swap(await loadState({ files, world: this.#world, before: this.#state, openStore: this.#around.openStore }))
  }

  /** An address that cannot be had is told with its place in the file. */
  #told(error: unknown, { prepared }: State): unknown {
    return error instanceof ListenFault ? new ConfigurationError([prepared.place(error.problem)]) : error
  }

  #makeListeners(): ListenerSet {
    const { clock } = this.#world
    const way = createWay({
      clock, budget: this.#budget, load: this.#load, newId: () => this.#newId(), phase: () => this.#phase,
      policy: () => this.#state.prepared, recordable: () => !this.#audit.isFailing, record: (decided) => this.#record(decided),
    })
    return new ListenerSet({
      clock, sockets: this.#around.sockets, serve: (turn, connection) => way(turn, connection, this.#state.underWay.begin()), addressOf: fromSocket, connections: this.#connections,
      admits: (from) => this.#state.prepared.admits(from), dropped: (drop) => this.#dropped(drop),
    })
  }

  /** First what can fail, then the swap; deliveries that are under way keep the policy they came in with. */
  async #swap(next: State): Promise<void> {
    const before = this.#state
    try {
      await this.#listeners.change(next.prepared.listeners, next.prepared.plan.limits)
    } catch (error) {
      await releaseState(next, before)
      throw this.#told(error, next)
    }
    this.#state = next
    this.log.level = next.settings.log.level
    tellLate(this.log, restartKeys, before.settings, next.settings)
    this.#follow(before)
    this.#connections.change(connectionLimits(next.settings.limits, this.#around.workers))
    this.#load.change(loadLimits(next.settings.limits, this.#around.workers))
    this.#retired = Promise.all([this.#retired, releaseState(before, next)])
  }

  /** Begins to fetch what the configuration names, and ends what the one before did. */
  #follow(before: State | undefined): void {
    const failed = (url: string, what: string): void => this.log.warn({ url, what }, 'cannot be refreshed, the last good copy stays')
    this.#state.prepared.follow({ failed, remind: (text) => this.log.warn(text) }, this.#listeners.lost, before?.prepared)
  }

  #record(decided: Decided): void {
    this.#metrics.count(decided)
    this.#audit.write(this.#state.nonces.standsIn?.() === true ? { ...decided, facts: { ...decided.facts, store: 'local' } } : decided)
  }

  /** A connection that ended before there was a delivery to judge: recorded like any other decision. */
  #dropped({ from, reason, facts, certificate, row: told }: Drop) {
    const id = this.#newId()
    const row = told ?? (reason === 'malformed-request' || reason === 'headers-timeout' ? requestReasons[reason] : { status: 0, title: '' })
    this.#record({
      at: this.#world.clock.now(), id, route: undefined, from, certificate, verdict: 'refused', reason, status: row.status,
      bytes: 0, spent: { checks: 0, store: 0, receiver: 0 }, key: undefined, nonce: undefined, facts,
    })
    return { id, ...row, reason: this.#state.prepared.plan.responses === 'detailed' ? reason : undefined, retryAfter: undefined, headers: [] }
  }

  #newId(): string {
    return newDeliveryId(this.#world.random)
  }
}

function connectionLimits(limits: Settings['limits'], workers: number): ConnectionLimits {
  return { total: Math.ceil(limits.connections / workers), perAddress: limits.connectionsPerAddress, newPerSecond: limits.handshakesPerSecond }
}

/** Deliveries are shared among the workers; the event loop is each one's own. */
function loadLimits({ inFlight, eventLoopDelay }: Settings['limits'], workers: number): LoadLimits {
  return { inFlight: Math.ceil(inFlight / workers), eventLoopDelay }
}

/** Keys that a reload does not change: what they say is opened once. */
const restartKeys = ['workers', 'admin', 'log'] as const
