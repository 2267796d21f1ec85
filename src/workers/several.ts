import type { AddressInfo } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { AdminServer } from '../admin/server.ts'
import { AuditLog, operatorLog, type OperatorLog } from '../audit/log.ts'
import { Metrics, pageOf } from '../audit/metrics.ts'
import { ConfigurationFiles, fileReference } from '../config/files.ts'
import { ConfigurationError } from '../config/problems.ts'
import { notAsked } from '../core/ocsp.ts'
import type { Milliseconds } from '../core/units.ts'
import { ListenFault } from '../listen/listen-fault.ts'
import { looked, type Looked } from '../state.ts'
import type { World } from '../world.ts'
import { Crew } from './crew.ts'
import { takeStore, type CommonStore } from './store.ts'

/** How many, and how they learn what the first process has open for them. */
export interface Size {
  readonly workers: number
  /** Were the listening sockets handed over by a service manager? Node closes them with the last worker, and cannot open them again. */
  readonly sockets: 'own' | 'handed-over'
  readonly environment: (common: Common) => Readonly<Record<string, string>>
}

/** What the first process has for all. */
export interface Common {
  /** The store, by the name that `commonStore` takes. */
  readonly store: string | undefined
  /** The file to which each worker appends its audit lines by itself; undefined: they go by way of the first process. */
  readonly audit: string | undefined
}

/** Keys that a reload does not change: what they say is opened once. */
const restartKeys = ['workers', 'admin', 'log', 'replay'] as const

/** How much longer than their own drain workers may take. */
const margin: Milliseconds = 5_000

/**
 * A gateway of several processes, seen from the first of them: it serves nothing itself, and is where there must be one
 * of something: signals, the audit stream, the metrics page, the reload, the drain.
 */
export class SeveralWorkers {
  readonly log: OperatorLog
  readonly #file: string
  readonly #world: World
  readonly #audit: AuditLog
  readonly #auditTo: string
  readonly #metrics = new Metrics({
    heldBytes: () => 0, connections: () => 0, load: { inFlight: 0, delay: 0 }, audit: { isFailing: false }, expiries: () => [], feeds: () => [], statuses: notAsked.tally,
  })
  readonly #admin: AdminServer
  readonly #crew: Crew
  readonly #size: Size
  #store: CommonStore | undefined
  #looked: Looked
  #watched: ReadonlyMap<string, string>
  #addresses: readonly AddressInfo[] = []
  #reloading: Promise<'taken' | 'refused'> = Promise.resolve('taken')
  #draining = false

  private constructor(file: string, world: World, size: Size, first: Looked) {
    const { log } = first.settings
    this.#file = file
    this.#world = world
    this.#size = size
    this.#looked = first
    this.#watched = first.prepared.files
    this.log = operatorLog(log.level)
    this.#auditTo = fileReference(log.audit, new ConfigurationFiles(file))
    this.#audit = new AuditLog(this.#auditTo, this.log, (state) => this.#crew.tellAudit(state))
    this.#crew = new Crew({
      workers: size.workers, clock: world.clock, audit: (lines) => this.#audit.append(lines),
      lost: (pid, how, again) => this.#lost(pid, how, again),
    })
    this.#admin = new AdminServer({
      ready: () => !this.#draining, metrics: () => this.#page(), metricsType: this.#metrics.contentType,
    })
  }

  /** Rejects with `ConfigurationError`, and nothing stays open then. */
  static async start(file: string, world: World, size: Size): Promise<SeveralWorkers> {
    const several = new SeveralWorkers(file, world, size, await looked(new ConfigurationFiles(file), world))
    try {
      await several.#open()
      return several
    } catch (error) {
      several.#crew.kill()
      await several.#close()
      if (!(error instanceof ListenFault)) throw error
      throw new ConfigurationError([several.#looked.prepared.place(error.problem)])
    }
  }

  get addresses(): readonly AddressInfo[] {
    return this.#addresses
  }

  get files(): ReadonlyMap<string, string> {
    return this.#watched
  }

  /** Looks at the configuration first; only what is good is handed to the workers. One at a time. */
  reload(): Promise<'taken' | 'refused'> {
    this.#reloading = this.#reloading.then(() => this.#takeAnew())
    return this.#reloading
  }

  reopenLogs(): void {
    this.#audit.reopen()
    this.#crew.reopenLogs()
  }

  /** Readiness turns, every worker drains, the last audit line is written. */
  async drain(): Promise<void> {
    this.#draining = true
    await this.#reloading
    await this.#crew.drain(this.#looked.settings.drain + margin)
    await this.#close()
  }

  #lost(pid: number, how: string, againInMs: Milliseconds): void {
    this.log.error({ pid, how, againInMs }, 'a worker died and is replaced')
    if (this.#size.sockets === 'own' || this.#crew.pids.length > 0) return
    this.log.error('every worker died, and the sockets that were handed over are lost with them: ending, so that the service manager starts anew')
    process.kill(process.pid, 'SIGTERM')
  }

  async #close(): Promise<void> {
    await this.#store?.close()
    await this.#admin.close()
    await this.#audit.close()
  }

  async #open(): Promise<void> {
    const { admin } = this.#looked.settings
    if (admin !== undefined) {
      const address = await this.#admin.listen(admin.address).catch((error: unknown) => { throw new ListenFault(error, ['admin', 'address']) })
      this.log.info({ admin: address }, 'health and metrics')
    }
    const store = await takeStore(this.#looked.storePlan, this.#world)
    if (store !== undefined && 'problem' in store) throw new ConfigurationError([this.#looked.prepared.place(store.problem)])
    this.#store = store
    this.#addresses = await this.#crew.start(this.#size.environment({ store: store?.name, audit: this.#auditTo.startsWith('file:') ? this.#auditTo : undefined }))
    this.log.info({ workers: this.#crew.pids }, 'workers serve')
  }

  async #takeAnew(): Promise<'taken' | 'refused'> {
    if (this.#draining) return 'refused'
    const files = new ConfigurationFiles(this.#file)
    try {
      const next = await looked(files, this.#world)
      const result = await this.#crew.reload()
      this.#watched = files.all
      if (result === 'refused') throw new Error('a worker refused it')
      const late = restartKeys.filter((key) => !isDeepStrictEqual(this.#looked.settings[key], next.settings[key]))
      if (late.length > 0) this.log.warn({ keys: late }, 'these keys changed and take effect at the next start')
      this.#looked = next
      this.#metrics.reloaded('taken')
      this.log.info('configuration reloaded')
      return 'taken'
    } catch (error) {
      this.#watched = new Map([...this.#watched, ...files.all])
      this.#metrics.reloaded('refused')
      this.log.error({ problem: error instanceof Error ? error.message : String(error) }, 'reload refused, the last good configuration stays')
      return 'refused'
    }
  }

  async #page(): Promise<string> {
    return await pageOf([await this.#metrics.snapshot(), ...await this.#crew.measure()])
  }
}
