import type { ClientRequest } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../core/ports.ts'
import type { ReceiverPlan } from '../core/receiver.ts'
import type { Milliseconds } from '../core/units.ts'
import { Agent } from '../node-http.ts'
import { Health, healthiestFirst } from './health.ts'
import { lineTo, type Line } from './line.ts'

/** One URL of a receiver, for what is streamed. */
export interface Way {
  /** Keeps connections. */
  readonly agent: LineAgent
  /** Opens one for each request: for those that end as something else than HTTP. */
  readonly fresh: LineAgent
  /** For `Host`. */
  readonly host: string
  readonly health: Health
}

interface Ways { readonly all: readonly Way[]; turn: number }

/** A kept connection that is idle for longer is closed by us: many receivers close theirs after 5 s, and a race loses a request. */
const longestIdle: Milliseconds = 4_000

/** Connections and health are kept for as long as the plan is in use. */
const ways = new WeakMap<ReceiverPlan, Ways>()

/** The URLs of a receiver in the order in which they are to be tried. Never empty. */
export function waysTo(plan: ReceiverPlan, clock: Clock): readonly Way[] {
  const known = ways.get(plan) ?? { all: plan.urls.map((url) => makeWay(url, plan, clock)), turn: 0 }
  ways.set(plan, known)
  return healthiestFirst(known.all, known.turn++, clock.monotonic())
}

function makeWay(url: string, { connections: maxSockets, tls }: ReceiverPlan, clock: Clock): Way {
  const line = lineTo(url, tls, clock)
  const agent = new LineAgent(line, { keepAlive: true, maxSockets, timeout: longestIdle })
  return { agent, fresh: new LineAgent(line, { maxSockets }), host: line.host, health: new Health() }
}

/** Where `node:http` and http-proxy think that they connect to: whither is the agent's to know. */
export const behindAgent = { protocol: 'http:', host: 'receiver', port: 80 } as const

/** Connections over one line, TLS among them: for `node:http` they are all alike. */
class LineAgent extends Agent {
  readonly #line: Line
  readonly #ready = new WeakSet<Socket>()

  constructor(line: Line, options: object) {
    super(options)
    this.#line = line
  }

  override createConnection(): Socket {
    const socket = this.#line.connect().setNoDelay(true)
    return socket.once(this.#line.ready, () => this.#ready.add(socket))
  }

  /** Once this socket may be written to: at once where it was used before. */
  whenReady(socket: Socket, run: () => void): void {
    if (this.#ready.has(socket)) return run()
    socket.once(this.#line.ready, run)
  }
}

export interface WhenConnected {
  readonly ready: () => void
  /** May be followed by an `error` of the request. */
  readonly late: (error: Error) => void
}

/**
 * Calls `ready` once the request has a connection that may be written to: as long as nothing was given to it, not one byte was
 * written before that. Ends the request and calls `late` (`connect-timeout`) where that takes longer than it may:
 * `connectTimeout` to connect, and `timeout` where all connections are taken.
 */
export function whenConnected(sent: ClientRequest, agent: LineAgent, { clock, to }: { readonly clock: Clock; readonly to: ReceiverPlan }, then: WhenConnected): void {
  const late = (): void => {
    const error = Object.assign(new Error('no connection in time'), { code: 'connect-timeout' })
    // One that waits for a connection is not told of its end before there is one.
    sent.destroy(error)
    then.late(error)
  }
  const cancels = [clock.after(to.timeout, late)]
  const cancel = (): void => { for (const one of cancels) one() }
  sent.once('close', cancel)
  sent.once('socket', (socket) => {
    cancels.push(clock.after(to.connectTimeout, late))
    agent.whenReady(socket, () => {
      cancel()
      then.ready()
    })
  })
}
