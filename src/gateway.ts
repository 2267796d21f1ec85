import type { AddressInfo } from 'node:net'
import { AdminServer } from './admin/server.ts'
import { AuditLog, operatorLog, type OperatorLog } from './audit/log.ts'
import { Metrics } from './audit/metrics.ts'
import type { Decided } from './audit/record.ts'
import { fromSocket } from './addresses/address.ts'
import { readConfiguration } from './config/compile.ts'
import { ConfigurationFiles, fileReference } from './config/files.ts'
import type { ReceiverSettings, Settings } from './config/schema.ts'
import type { NonceStore } from './core/nonce.ts'
import type { Receiver } from './core/receiver.ts'
import type { Milliseconds } from './core/units.ts'
import { BodyBudget } from './listen/body.ts'
import { Connections, type ConnectionLimits } from './listen/connections.ts'
import type { Drop } from './listen/listener.ts'
import { ListenerSet } from './listen/listener-set.ts'
import { requestReasons } from './listen/reasons.ts'
import { openStore } from './nonces/open.ts'
import { noStore, prepare, type Prepared } from './prepare.ts'
import { createWay } from './way.ts'
import type { World } from './world.ts'

/** How long a drain waits for deliveries that are under way. */
const drainTime: Milliseconds = 20_000

/** A connection that is dropped is told nothing. */
const unanswered = { status: 0, title: '' }

/** What is served at one time; replaced whole by a reload. */
interface State {
  readonly prepared: Prepared
  readonly settings: Settings
  readonly nonces: NonceStore
}

/**
 * The gateway, wired: configuration in, running process out. A reload builds a whole new state and swaps it; where that
 * fails, the old one stays. `drain` lets deliveries that are under way finish.
 */
export class Gateway {
  readonly log: OperatorLog
  readonly #file: string
  readonly #world: World
  readonly #audit: AuditLog
  readonly #metrics: Metrics
  readonly #budget: BodyBudget
  readonly #connections: Connections
  readonly #admin: AdminServer
  readonly #listeners: ListenerSet
  #state: State
  #draining = false

  private constructor(file: string, world: World, state: State) {
    const { log, limits } = state.settings
    this.#file = file
    this.#world = world
    this.#state = state
    this.log = operatorLog(log.level)
    this.#audit = new AuditLog(fileReference(log.audit, new ConfigurationFiles(file)), (error) => this.log.error({ error: error.message }, 'the audit log cannot be written'))
    this.#budget = new BodyBudget(limits.buffered)
    this.#connections = new Connections(connectionLimits(limits), world.clock)
    this.#metrics = new Metrics({ heldBytes: () => this.#budget.held })
    this.#admin = new AdminServer({
      ready: () => !this.#draining, metrics: () => this.#metrics.text(), metricsType: this.#metrics.contentType,
    })
    this.#listeners = this.#makeListeners()
  }

  /** Reads, checks, opens and listens. Rejects with `ConfigurationError`, or with what kept a socket or store from opening. */
  static async start(file: string, world: World): Promise<Gateway> {
    const gateway = new Gateway(file, world, await load(file, world, undefined))
    await gateway.#listen()
    return gateway
  }

  /** Where the listeners listen, in the order of the configuration. */
  get addresses(): readonly AddressInfo[] {
    return this.#listeners.addresses
  }

  /** Every file whose change is a reason to reload. */
  get files(): readonly string[] {
    return this.#state.prepared.files
  }

  /** Takes the configuration as it stands now; where it is wrong the old one stays, the log says why and a metric rises. */
  async reload(): Promise<'taken' | 'refused'> {
    try {
      const next = await load(this.#file, this.#world, this.#state)
      await this.#swap(next)
      this.#metrics.reloaded('taken')
      this.log.info('configuration reloaded')
      return 'taken'
    } catch (error) {
      this.#metrics.reloaded('refused')
      this.log.error({ problem: error instanceof Error ? error.message : String(error) }, 'reload refused, the last good configuration stays')
      return 'refused'
    }
  }

  /** After a log rotation. */
  reopenLogs(): void {
    this.#audit.reopen()
  }

  /** No new connections; what is under way finishes; nonces and audit are written. Resolves when all is closed. */
  async drain(): Promise<void> {
    this.#draining = true
    const cancel = this.#world.clock.after(drainTime, () => this.#listeners.destroy())
    await this.#listeners.stop()
    cancel()
    await Promise.all([...this.#state.prepared.receivers.values()].map((receiver) => receiver.close()))
    await this.#state.nonces.close()
    await this.#admin.close()
    await this.#audit.close()
  }

  async #listen(): Promise<void> {
    const { prepared, settings } = this.#state
    await this.#listeners.change(prepared.listeners, prepared.plan.limits)
    if (settings.admin !== undefined) this.log.info({ admin: await this.#admin.listen(settings.admin.address) }, 'health and metrics')
  }

  #makeListeners(): ListenerSet {
    const { clock } = this.#world
    const serve = createWay({
      clock, budget: this.#budget, newId: () => this.#newId(), draining: () => this.#draining,
      policy: () => this.#state.prepared, record: (decided) => this.#record(decided),
    })
    return new ListenerSet({
      clock, serve, addressOf: fromSocket, connections: this.#connections,
      admits: (from) => this.#state.prepared.admits(from), dropped: (drop) => this.#dropped(drop),
    })
  }

  /** First what can fail, then the swap; deliveries that are under way keep the policy they came in with. */
  async #swap(next: State): Promise<void> {
    const before = this.#state
    await this.#listeners.change(next.prepared.listeners, next.prepared.plan.limits)
    this.#state = next
    this.#connections.change(connectionLimits(next.settings.limits))
    const kept = new Set(next.prepared.receivers.values())
    for (const receiver of before.prepared.receivers.values()) if (!kept.has(receiver)) void receiver.close()
    if (before.nonces !== next.nonces) void before.nonces.close()
  }

  #record(decided: Decided): void {
    this.#metrics.count(decided)
    this.#audit.write(decided)
  }

  /** A connection that ended before there was a delivery to judge: recorded like any other decision. */
  #dropped({ from, reason, facts, certificate }: Drop) {
    const id = this.#newId()
    const row = reason === 'malformed-request' ? requestReasons[reason] : unanswered
    this.#record({
      at: this.#world.clock.now(), id, route: undefined, from, certificate, verdict: 'refused', reason, status: row.status,
      bytes: 0, spent: { checks: 0, store: 0, receiver: 0 }, key: undefined, nonce: undefined, facts,
    })
    const detailed = this.#state.prepared.plan.responses === 'detailed'
    return { id, ...row, reason: detailed ? reason : undefined, retryAfter: undefined, headers: [] }
  }

  #newId(): string {
    return Buffer.from(this.#world.random.bytes(16)).toString('base64url')
  }
}

function connectionLimits(limits: Settings['limits']): ConnectionLimits {
  return { total: limits.connections, perAddress: limits.connectionsPerAddress, newPerSecond: limits.handshakesPerSecond }
}

/** Reads and compiles; what the state before has open and still fits is used again. Where it fails, nothing new stays open. */
async function load(file: string, world: World, before: State | undefined): Promise<State> {
  const { loaded, files } = readConfiguration(file)
  const { settings } = loaded
  const sameStore = before !== undefined && before.settings.replay.store === settings.replay.store
  const opened = sameStore ? { store: before.nonces } : await openStore(fileReference(settings.replay.store, files), world)
  const same = (name: string, now: ReceiverSettings): Receiver | undefined => {
    const then = before?.settings.receivers[name]
    return JSON.stringify(then) === JSON.stringify(now) ? before?.prepared.receivers.get(name) : undefined
  }
  const nonces = 'store' in opened ? opened.store : noStore
  const problems = 'store' in opened ? loaded.problems : [...loaded.problems, opened.problem]
  try {
    return { settings, nonces, prepared: prepare({ ...loaded, problems }, files, { world, nonces, reuse: same }) }
  } catch (error) {
    if (!sameStore) await nonces.close()
    throw error
  }
}
