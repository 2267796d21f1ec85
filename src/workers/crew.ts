import cluster, { type Worker } from 'node:cluster'
import type { AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import type { MetricObject } from 'prom-client'
import { ConfigurationError } from '../config/problems.ts'
import type { Clock } from '../core/ports.ts'
import type { Milliseconds } from '../core/units.ts'
import type { AuditState } from '../audit/log.ts'
import type { Order, Word } from './messages.ts'
import { forwardLines } from './whole-lines.ts'
import { auditPipe } from './worker.ts'

export interface CrewParts {
  readonly workers: number
  readonly clock: Clock
  readonly audit: (lines: string) => void
  readonly lost: (pid: number, how: string, again: Milliseconds) => void
}

const firstPause: Milliseconds = 100
const longestPause: Milliseconds = 10_000
/** Who served for so long died of something else than of starting. */
const proven: Milliseconds = 10_000
const patience: Milliseconds = 2_000

/** The workers: kept at their number, replaced with growing pauses where they die young. */
export class Crew {
  readonly #parts: CrewParts
  readonly #workers = new Map<Worker, { readonly since: Milliseconds; metrics: readonly MetricObject[] }>()
  readonly #pipes = new Set<Promise<void>>()
  /** Counters of workers that are gone, as last seen: a sum must not fall. */
  readonly #past: (readonly MetricObject[])[] = []
  #environment: Readonly<Record<string, string>> = {}
  #pause = firstPause
  #audit: AuditState = 'well'
  #ending = false
  #nth = 0

  constructor(parts: CrewParts) {
    this.#parts = parts
    // Workers accept by themselves, from one socket: to pass each connection on would cost two messages between processes.
    cluster.schedulingPolicy = cluster.SCHED_NONE
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'] as const
    cluster.setupPrimary({ stdio: [...stdio] })
  }

  /**
   * Resolves with what the workers listen at; rejects where one cannot start. `environment` is what they find besides
   * the first process's own.
   */
  async start(environment: Readonly<Record<string, string>>): Promise<readonly AddressInfo[]> {
    this.#environment = environment
    const started = await Promise.all(Array.from({ length: this.#parts.workers }, () => this.#add()))
    return started[0] ?? []
  }

  get pids(): readonly number[] {
    return [...this.#workers.keys()].map(({ process }) => process.pid ?? 0)
  }

  /** Every worker reloads; taken where each of them took it. */
  async reload(): Promise<'taken' | 'refused'> {
    const words = await this.#ask({ order: 'reload' }, (word) => (word.word === 'reloaded' ? word.result : undefined))
    return words.every((result) => result === 'taken') ? 'taken' : 'refused'
  }

  /** What each worker counted, and what those counted that are gone. A worker that does not answer gives what it last gave. */
  async measure(): Promise<readonly (readonly MetricObject[])[]> {
    const nth = ++this.#nth
    await this.#ask({ order: 'measure', nth }, (word, worker) => {
      if (word.word !== 'measured' || word.nth !== nth) return undefined
      const known = this.#workers.get(worker)
      if (known !== undefined) known.metrics = word.metrics
      return true
    })
    return [...this.#past, ...[...this.#workers.values()].map(({ metrics }) => metrics)]
  }

  /** Where their lines cannot be written, no worker lets anything in; nor does one that starts meanwhile. */
  tellAudit(state: AuditState): void {
    this.#audit = state
    for (const worker of this.#workers.keys()) worker.send({ order: 'audit', state } satisfies Order, () => {})
  }

  /** After a log rotation. */
  reopenLogs(): void {
    for (const worker of this.#workers.keys()) worker.send({ order: 'reopen' } satisfies Order, () => {})
  }

  /** Every worker drains and ends; who does not within `most` is killed. Resolves once all audit lines have arrived. */
  async drain(most: Milliseconds): Promise<void> {
    this.#ending = true
    const gone = [...this.#workers.keys()].map((worker) => new Promise((resolve) => worker.once('exit', resolve)))
    for (const worker of this.#workers.keys()) worker.send({ order: 'drain' } satisfies Order, () => {})
    const cancel = this.#parts.clock.after(most, () => this.kill())
    await Promise.all(gone)
    cancel()
    await Promise.all(this.#pipes)
  }

  kill(): void {
    this.#ending = true
    for (const worker of this.#workers.keys()) worker.process.kill('SIGKILL')
  }

  #add(): Promise<readonly AddressInfo[]> {
    const worker = cluster.fork(this.#environment)
    const since = this.#parts.clock.monotonic()
    this.#workers.set(worker, { since, metrics: [] })
    const pipe = forwardLines(worker.process.stdio[auditPipe] as Readable, this.#parts.audit)
    this.#pipes.add(pipe)
    void pipe.then(() => this.#pipes.delete(pipe))
    worker.once('exit', (code, signal) => this.#left(worker, since, signal ?? `exit ${code}`))
    return new Promise((serving, failed) => {
      worker.on('message', (word: Word) => {
        if (word.word === 'serving') {
          if (this.#audit === 'failing') worker.send({ order: 'audit', state: 'failing' } satisfies Order, () => {})
          serving(word.addresses)
        }
        if (word.word === 'failed') failed(new StartFailed(word.message))
      })
      worker.once('exit', () => failed(new StartFailed('a worker ended while it started')))
    })
  }

  #left(worker: Worker, since: Milliseconds, how: string): void {
    const { metrics = [] } = this.#workers.get(worker) ?? {}
    this.#workers.delete(worker)
    this.#past.push(metrics.filter(({ type }) => String(type) === 'counter'))
    if (this.#ending) return
    this.#pause = this.#parts.clock.monotonic() - since > proven ? firstPause : Math.min(this.#pause * 2, longestPause)
    this.#parts.lost(worker.process.pid ?? 0, how, this.#pause)
    this.#parts.clock.after(this.#pause, () => { if (!this.#ending) this.#add().catch(() => {}) })
  }

  /** Asks every worker; who does not answer in time or is gone is left out. */
  async #ask<T>(order: Order, read: (word: Word, worker: Worker) => T | undefined): Promise<T[]> {
    const answers = await Promise.all([...this.#workers.keys()].map((worker) => new Promise<T | undefined>((resolve) => {
      const cancel = order.order === 'measure' ? this.#parts.clock.after(patience, () => done(undefined)) : () => {}
      const onMessage = (word: Word): void => {
        const answer = read(word, worker)
        if (answer !== undefined) done(answer)
      }
      const onExit = (): void => done(undefined)
      const done = (answer: T | undefined): void => {
        cancel()
        worker.off('message', onMessage).off('exit', onExit)
        resolve(answer)
      }
      worker.on('message', onMessage).once('exit', onExit)
      worker.send(order, (error) => { if (error !== null) done(undefined) })
    })))
    return answers.filter((answer) => answer !== undefined)
  }
}

/** A worker could not start: what it said is what the operator is told. */
export class StartFailed extends ConfigurationError {
  constructor(message: string) {
    super([])
    this.message = message
  }
}
