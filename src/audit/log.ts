import { pino, type DestinationStream, type Logger } from 'pino'
import { auditRecord, type Decided } from './record.ts'

/** `pino.destination` gives a SonicBoom; this is the part of it that is used. */
type Destination = DestinationStream & {
  flush: (done: (error?: Error) => void) => void
  end: () => void
  reopen: () => void
  on: (event: 'error', listener: (error: Error) => void) => void
}

export type OperatorLog = Logger

/** What operators read: start, reloads, warnings. JSON lines on standard error. */
export function operatorLog(level: string): OperatorLog {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }))
}

/**
 * The audit stream: one JSON line per decision to standard output or a file. Lines are handed to the kernel without
 * blocking the event loop, several at a time under load; `close` writes what is left.
 */
export class AuditLog {
  readonly #destination: Destination

  /** `to`: `stdout`, `stderr`, or `file:` and an absolute path. Rejects a file that cannot be opened through `failed`. */
  constructor(to: string, failed: (error: Error) => void) {
    const dest = to === 'stdout' ? 1 : to === 'stderr' ? 2 : to.slice('file:'.length)
    this.#destination = pino.destination({ dest, sync: false, minLength: 0, mkdir: true }) as unknown as Destination
    this.#destination.on('error', failed)
  }

  write(decided: Decided): void {
    this.#destination.write(`${JSON.stringify(auditRecord(decided))}\n`)
  }

  /** After a log rotation has renamed the file. */
  reopen(): void {
    this.#destination.reopen()
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#destination.flush(() => {
        this.#destination.end()
        resolve()
      })
    })
  }
}
