import { pino, type DestinationStream, type Logger } from 'pino'
import { withCohort } from '../core/cohorts.ts'
import type { Bytes } from '../core/units.ts'
import { auditLine, type Decided } from './record.ts'

/** `pino.destination` gives a SonicBoom; this is the part of it that is used. */
type Destination = DestinationStream & {
  end: () => void
  reopen: () => void
  on: ((event: 'error', listener: (error: NodeJS.ErrnoException) => void) => void) & ((event: 'close' | 'drain', listener: () => void) => void)
    & ((event: 'drop', listener: (lines: string) => void) => void)
}

export type OperatorLog = Logger

/** Can records be written? */
export type AuditState = 'well' | 'failing'

/** So much is kept of what operators are to read while it cannot be written. */
const mostUntold: Bytes = 1024 * 1024

/**
 * What operators read: start, reloads, warnings. JSON lines on standard error. What cannot be written (a full disk) is kept, and
 * tried again with the next line: a gateway does not end for want of somebody to tell.
 */
export function operatorLog(level: string): OperatorLog {
  const destination = pino.destination({ dest: 2, sync: true, maxLength: mostUntold })
  destination.on('error', () => {})
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination)
}

/** Where more than this waits to be written, whoever reads is too slow or has gone. */
const mostBehind: Bytes = 4 * 1024 * 1024
/** More than this is not kept while nothing can be written; by then there are only refusals, and they are counted. */
const mostKept: Bytes = 64 * 1024 * 1024

/**
 * The audit stream: one JSON line per decision to standard output or a file. The lines of one turn of the event loop are written
 * and handed to the kernel together, at its end and before the senders of that turn get their short answers; `close` writes what is left. A file takes them at once, so they are written
 * in place: waking a thread for it costs more than the write. A pipe may keep its writer waiting, so there a thread waits.
 * What cannot be written is kept, and tried again with the next line; while `isFailing` nothing new may be let in.
 */
export class AuditLog {
  readonly #destination: Destination
  readonly #log: Pick<OperatorLog, 'error' | 'warn'>
  readonly #told: (state: AuditState) => void
  /** Of this turn: decisions that are still to be written as lines, and lines of others. */
  #records: (Decided | string)[] = []
  #error: NodeJS.ErrnoException | undefined
  #state: AuditState = 'well'
  #behind: Bytes = 0
  #lost = 0
  #isClosed = false
  /** Those who hand our lines on say whether they can. */
  #held: AuditState = 'well'

  /** `to`: `stdout`, `stderr`, `file:` and an absolute path, or a file descriptor. Throws where the file cannot be opened; later errors go to `log`. `told`: whether records can be written, when that changes. */
  constructor(to: string | number, log: Pick<OperatorLog, 'error' | 'warn'>, told: (state: AuditState) => void = () => {}) {
    this.#log = log
    this.#told = told
    const dest = typeof to === 'number' ? to : to === 'stdout' ? 1 : to === 'stderr' ? 2 : to.slice('file:'.length)
    const sync = typeof dest === 'string'
    this.#destination = pino.destination({ dest, sync, minLength: 0, maxLength: mostKept, mkdir: true }) as unknown as Destination
    this.#destination.on('error', (error) => this.#judge(error))
    this.#destination.on('drain', () => this.#caughtUp())
    this.#destination.on('drop', (lines) => { this.#lost += lines.split('\n').length - 1 })
  }

  /** Whatever is let in now might leave no record. */
  get isFailing(): boolean {
    return this.#state === 'failing' || this.#held === 'failing'
  }

  /** How it is with what lies behind `to`, where that is a pipe to a process that writes for us. */
  hold(state: AuditState): void {
    this.#held = state
  }

  /** A decision; or what another process wrote of its own: whole lines, each with its line feed. */
  write(record: Decided | string): void {
    if (this.#records.length === 0) withCohort('records', this.#flush)
    this.#records.push(record)
  }

  /** After a log rotation has renamed the file. Where that fails, the old file is written on. */
  reopen(): void {
    this.#flush()
    try {
      this.#destination.reopen()
    } catch {
      // The destination says so by its `error` event.
    }
  }

  /** Resolves once everything is written, or cannot be. */
  async close(): Promise<void> {
    this.#flush()
    this.#isClosed = true
    if (this.#error?.code === 'EPIPE') return
    const closed = new Promise<void>((resolve) => {
      this.#destination.on('close', resolve)
      this.#destination.on('error', () => resolve())
    })
    this.#destination.end()
    await closed
  }

  /** A pipe whose reader has gone stays without one: pino writes nothing more to it, and it never catches up. */
  #judge(error: NodeJS.ErrnoException | undefined): void {
    this.#error = error
    const state = error !== undefined || this.#behind > mostBehind ? 'failing' : 'well'
    if (state === this.#state) return
    this.#state = state
    if (state === 'failing') this.#log.error({ error: error?.message ?? 'its reader is too slow' }, 'the audit log cannot be written: no delivery is let in')
    else this.#log.warn({ lostRefusals: this.#lost }, 'the audit log can be written again')
    this.#lost = 0
    this.#told(state)
  }

  #caughtUp(): void {
    this.#behind = 0
    this.#judge(undefined)
  }

  readonly #flush = (): void => {
    if (this.#records.length === 0) return
    let lines = ''
    for (const record of this.#records) lines += typeof record === 'string' ? record : auditLine(record)
    this.#records = []
    // Nothing comes then, as far as we know; a line that did is told in the other log.
    if (this.#isClosed) return this.#log.error({ lines }, 'the audit log is closed already')
    this.#behind += lines.length
    this.#destination.write(lines)
    this.#judge(this.#error)
  }
}
