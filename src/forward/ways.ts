import type { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import type { ReceiverPlan } from '../core/receiver.ts'
import type { Milliseconds } from '../core/units.ts'
import { Agent, request as requestHttp } from '../node-http.ts'

/** One URL of a receiver, for what is streamed. */
export interface Way {
  /** Where it listens, as `node:http` and http-proxy read it. */
  readonly target: object
  /** Keeps connections. */
  readonly agent: HttpAgent
  /** Opens one for each request: for those that end as something else than HTTP. */
  readonly fresh: HttpAgent
  readonly request: typeof requestHttp
  /** For `Host`. */
  readonly host: string
}

interface Ways { readonly all: readonly Way[]; turn: number }

/** A kept connection that is idle for longer is closed by us: many receivers close theirs after 5 s, and a race loses a request. */
const longestIdle: Milliseconds = 4_000

/** Connections are kept for as long as the plan is in use. */
const ways = new WeakMap<ReceiverPlan, Ways>()

/** The URLs of a receiver, in turn. */
export function wayTo(plan: ReceiverPlan): Way {
  const known = ways.get(plan) ?? { all: plan.urls.map((url) => makeWay(url, plan)), turn: 0 }
  ways.set(plan, known)
  return known.all[known.turn++ % known.all.length] as Way
}

function makeWay(url: string, { connections: maxSockets, tls }: ReceiverPlan): Way {
  const kept = { keepAlive: true, maxSockets, timeout: longestIdle }
  const plain = { agent: new Agent(kept), fresh: new Agent({ maxSockets }), request: requestHttp }
  if (url.startsWith('unix:')) return { ...plain, target: { socketPath: url.slice('unix:'.length) }, host: 'localhost' }
  const { protocol, hostname, port, host } = new URL(url)
  const target = { protocol, host: hostname.replace(/^\[|\]$/g, ''), ...(port === '' ? {} : { port }) }
  if (protocol === 'http:') return { ...plain, target, host }
  const { ca, certificate: cert, key, serverName: servername } = tls
  const given = Object.fromEntries(Object.entries({ ca, cert, key, servername }).filter(([, value]) => value !== undefined))
  return { target, agent: new HttpsAgent({ ...kept, ...given }), fresh: new HttpsAgent({ maxSockets, ...given }), request: requestHttps, host }
}
