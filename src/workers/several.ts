import type { AddressInfo } from 'node:net'
import { AdminServer } from '../admin/server.ts'
import { AuditLog, operatorLog, type OperatorLog } from '../audit/log.ts'
import { Metrics, pageOf } from '../audit/metrics.ts'
import { ConfigurationFiles, fileReference } from '../config/files.ts'
import { ConfigurationError } from '../config/problems.ts'
import { notAsked } from '../core/ocsp.ts'
import type { Milliseconds } from '../core/units.ts'
import { ListenFault } from '../listen/listen-fault.ts'
import { Reloads, tellLate, type Reloaded } from '../reload.ts'
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
  readonly #world: World
  readonly #audit: AuditLog
  readonly #auditTo: string
  readonly #metrics = new Metrics({
    heldBytes: () => 0, connections: () => 0, load: { inFlight: 0, delay: 0 }, audit: { isFailing: false }, expiries: () => [], feeds: () => [], statuses: notAsked.tally,
  })
  readonly #admin: AdminServer
  readonly #crew: Crew
  readonly #size: Size
  readonly #reloads: Reloads
  #store: CommonStore | undefined
  #looked: Looked
  #addresses: readonly AddressInfo[] = []
  #draining = false

  private constructor(file: string, world: World, size: Size, first: Looked) {
    const { log } = first.settings
    this.#world = world
    this.#size = size
    this.#looked = first
    this.log = operatorLog(log.level)
    this.#auditTo = fileReference(log.audit, new ConfigurationFiles(file))
    this.#audit = new AuditLog(this.#auditTo, this.log, (state) => this.#crew.tellAudit(state))
    this.#crew = new Crew({
      workers: size.workers, clock: world.clock, audit: (lines) => this.#audit.write(lines),
      lost: (pid, how, again) => this.#lost(pid, how, again),
    })
    this.#admin = new AdminServer({
      ready: () => !this.#draining, metrics: () => this.#page(), metricsType: this.#metrics.contentType,
    })
    this.#reloads = new Reloads({ file, files: first.prepared.files, log: this.log, metrics: this.#metrics, take: (files) => this.#take(files) })
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
    return this.#reloads.files
  }

  /** Looks at the configuration first; only what is good is handed to the workers. One at a time. */
  reload(): Promise<Reloaded> {
    return this.#reloads.again()
  }

  reopenLogs(): void {
    this.#audit.reopen()
    this.#crew.reopenLogs()
  }

  /** Readiness turns, every worker drains, the last audit line is written. */
  async drain(): Promise<void> {
    this.#draining = true
    await this.#reloads.stop()
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

  async #take(files: ConfigurationFiles): Promise<void> {
    const next = await looked(files, this.#world)
    if (await this.#crew.reload() === 'refused') throw new Error('a worker refused it')
    tellLate(this.log, restartKeys, this.#looked.settings, next.settings)
    this.#looked = next
  }

  async #page(): Promise<string> {
    return await pageOf([await this.#metrics.snapshot(), ...await this.#crew.measure()])
  }
}
