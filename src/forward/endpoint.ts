import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Cancel, Clock } from '../core/ports.ts'
import type { Outbound, ReceiverPlan, ReceiverTls } from '../core/receiver.ts'
import type { Instant, Milliseconds } from '../core/units.ts'
import { ReceiverConnection, type ResponseSink } from './receiver-connection.ts'

/** For so long a connection that the receiver says nothing about is kept with nothing to do. */
const usualKeepAlive: Milliseconds = 4_000
/** The receiver's own idea of that is undercut by this: what it closes as we write is lost. */
const margin: Milliseconds = 1_000
const longestKeepAlive: Milliseconds = 600_000

interface Waiting { readonly outbound: Outbound; readonly sink: ResponseSink }
interface Idle { readonly connection: ReceiverConnection; readonly until: Milliseconds }

/** One URL of a receiver: its connections, and how they have been doing. */
export class Endpoint {
  /** Monotonic time until which this one is left alone. */
  restsUntil: Instant = -Infinity
  readonly #plan: ReceiverPlan
  readonly #clock: Clock
  readonly #way: Way
  readonly #idle: Idle[] = []
  readonly #waiting: Waiting[] = []
  #open = 0
  #failures = 0
  #closed: (() => void) | undefined
  #cancelSweep: Cancel | undefined

  constructor(url: string, plan: ReceiverPlan, clock: Clock) {
    this.#plan = plan
    this.#clock = clock
    this.#way = wayTo(url, plan.tls)
  }

  /** Over a connection that is free, or a new one, or once there is one. */
  dispatch(outbound: Outbound, sink: ResponseSink): void {
    const free = this.#takeIdle()
    if (free !== undefined) return free.send(outbound, sink)
    if (this.#open < this.#plan.connections) return this.#connect({ outbound, sink })
    this.#waiting.push({ outbound, sink })
  }

  succeeded(): void {
    this.#failures = 0
    this.restsUntil = -Infinity
  }

  failed(now: Instant, { unhealthyAfter, retryAfter }: { readonly unhealthyAfter: number; readonly retryAfter: Milliseconds }): void {
    this.#failures++
    if (this.#failures >= unhealthyAfter) this.restsUntil = now + retryAfter
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
    const socket = this.#way.connect()
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
    socket.once(this.#way.ready, () => {
      cancel()
      socket.off('error', note).off('close', failed)
      const connection = new ReceiverConnection(socket, this.#way.host, (one) => this.#freed(one), (one) => this.#lost(one))
      if (waiting.sink.isWanted) connection.send(waiting.outbound, waiting.sink)
      else this.#freed(connection)
    })
  }

  #freed(connection: ReceiverConnection): void {
    if (!connection.isUsable) return
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

/** How to get there: a new socket, the event that says that it may be written to, and what `Host` says. */
interface Way { readonly connect: () => Socket; readonly ready: 'connect' | 'secureConnect'; readonly host: string }

function wayTo(url: string, tls: ReceiverTls): Way {
  if (url.startsWith('unix:')) {
    const path = url.slice('unix:'.length)
    return { connect: () => connectPlain({ path }), ready: 'connect', host: 'localhost' }
  }
  const { protocol, hostname, port, host } = new URL(url)
  const to = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (protocol === 'https:' ? 443 : 80)) }
  if (protocol === 'http:') return { connect: () => connectPlain(to), ready: 'connect', host }
  const options = { ...to, ...tlsOptions(tls), ALPNProtocols: ['http/1.1'] }
  return { connect: () => connectTls(options), ready: 'secureConnect', host }
}

function tlsOptions({ ca, certificate, key, serverName }: ReceiverTls): object {
  return {
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  }
}
