import { Deadlines } from '../core/deadlines.ts'
import type { Cancel, Clock } from '../core/ports.ts'
import type { Outbound, ReceiverPlan } from '../core/receiver.ts'
import type { Milliseconds } from '../core/units.ts'
import { Health } from './health.ts'
import { lineTo, type Line } from './line.ts'
import { ReceiverConnection, type ConnectionParts } from './receiver-connection.ts'
import type { ResponseSink } from './response-sink.ts'

/** For so long a connection that the receiver says nothing about is kept with nothing to do. */
const usualKeepAlive: Milliseconds = 4_000
/** The receiver's own idea of that is undercut by this: what it closes as we write is lost. */
const margin: Milliseconds = 1_000
const longestKeepAlive: Milliseconds = 600_000

interface Waiting { readonly outbound: Outbound; readonly sink: ResponseSink }
interface Idle { readonly connection: ReceiverConnection; readonly until: Milliseconds }

/** One URL of a receiver: its connections, and how they have been doing. */
export class Endpoint {
  readonly health = new Health()
  readonly #plan: ReceiverPlan
  readonly #clock: Clock
  readonly #line: Line
  readonly #parts: ConnectionParts
  readonly #idle: Idle[] = []
  readonly #waiting: Waiting[] = []
  #open = 0
  #closed: (() => void) | undefined
  #cancelSweep: Cancel | undefined

  constructor(url: string, plan: ReceiverPlan, clock: Clock) {
    this.#plan = plan
    this.#clock = clock
    this.#line = lineTo(url, plan.tls, clock)
    this.#parts = { host: this.#line.host, freed: (one) => this.#freed(one), gone: (one) => this.#lost(one), closing: new Deadlines(plan.timeout, clock) }
  }

  /** Over a connection that is free, or a new one, or once there is one. */
  dispatch(outbound: Outbound, sink: ResponseSink): void {
    const free = this.#takeIdle()
    if (free !== undefined) return free.send(outbound, sink)
    if (this.#open < this.#plan.connections) return this.#connect({ outbound, sink })
    this.#waiting.push({ outbound, sink })
  }

  /** Lets what is under way finish. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#closed = resolve
      for (const { connection } of this.#idle.splice(0)) connection.abort()
      this.#cancelSweep?.()
      if (this.#open === 0) resolve()
    })
  }

  /** The one that was used last; those that the receiver may be about to close are let go. */
  #takeIdle(): ReceiverConnection | undefined {
    const now = this.#clock.monotonic()
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (idle.until > now && idle.connection.isUsable) return idle.connection
      idle.connection.abort()
    }
    return undefined
  }

  #connect(waiting: Waiting): void {
    this.#open++
    let connection: ReceiverConnection | undefined
    // What speaks before it can be asked is not listened to.
    const socket = this.#line.connect((bytes) => (connection === undefined ? void socket.destroy() : connection.take(bytes)))
    let error: NodeJS.ErrnoException | undefined
    let code: string | undefined
    const cancel = this.#clock.after(this.#plan.connectTimeout, () => {
      code = 'connect-timeout'
      socket.destroy()
    })
    const failed = (): void => {
      cancel()
      this.#gone()
      if (waiting.sink.isWanted) waiting.sink.broken({ kind: 'connection', code: code ?? error?.code ?? 'closed' })
    }
    const note = (problem: Error): void => { error = problem }
    socket.setNoDelay(true).on('error', note).once('close', failed)
    socket.once(this.#line.ready, () => {
      cancel()
      socket.off('error', note).off('close', failed)
      connection = new ReceiverConnection(socket, this.#parts)
      if (waiting.sink.isWanted) connection.send(waiting.outbound, waiting.sink)
      else this.#freed(connection)
    })
  }

  #freed(connection: ReceiverConnection): void {
    const next = this.#nextWaiting()
    if (next !== undefined) return connection.send(next.outbound, next.sink)
    if (this.#closed !== undefined) return connection.abort()
    const kept = connection.keepAlive === undefined ? usualKeepAlive : Math.min(connection.keepAlive * 1_000, longestKeepAlive) - margin
    this.#idle.push({ connection, until: this.#clock.monotonic() + kept })
    this.#cancelSweep ??= this.#clock.after(usualKeepAlive, () => this.#sweep())
  }

  #lost(connection: ReceiverConnection): void {
    const at = this.#idle.findIndex((idle) => idle.connection === connection)
    if (at !== -1) this.#idle.splice(at, 1)
    this.#gone()
  }

  #gone(): void {
    this.#open--
    const next = this.#nextWaiting()
    if (next !== undefined) this.#connect(next)
    if (this.#open === 0) this.#closed?.()
  }

  #nextWaiting(): Waiting | undefined {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) if (next.sink.isWanted) return next
    return undefined
  }

  #sweep(): void {
    const now = this.#clock.monotonic()
    for (const { connection } of this.#idle.filter(({ until }) => until <= now)) connection.abort()
    this.#cancelSweep = this.#idle.length === 0 ? undefined : this.#clock.after(usualKeepAlive, () => this.#sweep())
  }
}
