import { pino, type DestinationStream, type Logger } from 'pino'
import { auditLine, type Decided } from './record.ts'

/** `pino.destination` gives a SonicBoom; this is the part of it that is used. */
type Destination = DestinationStream & {
  end: () => void
  reopen: () => void
  on: (event: 'error' | 'close', listener: (error: Error) => void) => void
}

export type OperatorLog = Logger

/** What operators read: start, reloads, warnings. JSON lines on standard error. */
export function operatorLog(level: string): OperatorLog {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }))
}

/**
 * The audit stream: one JSON line per decision to standard output or a file. The lines of one turn of the event loop are
 * handed to the kernel together, at its end; `close` writes what is left. A file takes them at once, so they are written
 * in place: waking a thread for it costs more than the write. A pipe may keep its writer waiting, so there a thread waits.
 */
export class AuditLog {
  readonly #destination: Destination
  readonly #closed: Promise<void>
  #lines = ''

  /** `to`: `stdout`, `stderr`, `file:` and an absolute path, or a file descriptor. Throws where the file cannot be opened; later errors go to `failed`. */
  constructor(to: string | number, failed: (error: Error) => void) {
    const dest = typeof to === 'number' ? to : to === 'stdout' ? 1 : to === 'stderr' ? 2 : to.slice('file:'.length)
    const sync = typeof dest === 'string'
    this.#destination = pino.destination({ dest, sync, minLength: 0, mkdir: true }) as unknown as Destination
    this.#destination.on('error', failed)
    this.#closed = new Promise((resolve) => {
      this.#destination.on('close', () => resolve())
      this.#destination.on('error', () => resolve())
    })
  }

  write(decided: Decided): void {
    this.append(auditLine(decided))
  }

  /** Whole lines, each with its line feed. */
  append(lines: string): void {
    if (this.#lines === '') setImmediate(this.#flush)
    this.#lines += lines
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
    this.#destination.end()
    await this.#closed
  }

  readonly #flush = (): void => {
    const lines = this.#lines
    this.#lines = ''
    if (lines !== '') this.#destination.write(lines)
  }
}
