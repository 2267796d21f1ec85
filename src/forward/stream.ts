import { Agent as HttpAgent, type IncomingMessage, type ServerResponse } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { pipeline, type Writable } from 'node:stream'
import httpProxy from 'http-proxy'
import { receiverReasons, type Outbound, type ReceiverPlan, type ReceiverReason } from '../core/receiver.ts'
import type { ReplyWriter } from '../core/reply.ts'
import type { Bytes } from '../core/units.ts'
import type { Framing } from '../http1/body-decoder.ts'
import type { Failure } from './forwarding.ts'
import { towardsSender } from './headers.ts'

/** A delivery that is handed on as it comes. */
export interface Streaming {
  /** Method and body; its header lines are not looked at. */
  readonly request: IncomingMessage
  /** How long its body is. */
  readonly framing: Framing
  readonly reply: ReplyWriter
  /** The answer's body. */
  readonly response: Writable
  readonly to: ReceiverPlan
  readonly outbound: Omit<Outbound, 'body'>
  /** Further header lines for the sender: name, value … */
  readonly replyHeaders: readonly string[]
}

export interface Streamed {
  /** What the sender was told, or would have been. */
  readonly status: number
  /** Of the request's body. */
  readonly bytes: Bytes
  /** Where there is one and no head was sent yet, the sender is still to be told. */
  readonly failure: Failure | undefined
}

/**
 * Streams a request in and its answer back, at the pace of the slower side, and holds no more than a few buffers of it.
 * `timeout` of the receiver is the longest silence here, not the whole time. Never sent again. Never rejects.
 */
export function streamDelivery(streaming: Streaming): Promise<Streamed> {
  return new Promise((resolve) => new Passing(streaming, resolve).start())
}

class Passing {
  readonly #streaming: Streaming
  readonly #resolve: (streamed: Streamed) => void
  #status = 0
  #bytes = 0
  #timedOut = false

  constructor(streaming: Streaming, resolve: (streamed: Streamed) => void) {
    this.#streaming = streaming
    this.#resolve = resolve
  }

  start(): void {
    const { request, framing, response, to, outbound } = this.#streaming
    if (bends(outbound, framing)) return this.#over(unbendable)
    const { target, agent, host } = wayTo(to)
    request.headers = lines([...outbound.headers, 'host', host, ...framingLines(framing, outbound.method)])
    request.url = outbound.target
    request.on('data', (chunk: Uint8Array) => { this.#bytes += chunk.length })
    request.once('error', () => this.#gone())
    // Two pipes and everybody who waits for the end: more than Node expects, no leak.
    response.setMaxListeners(20).once('close', () => { if (this.#status === 0) this.#gone() }).on('error', ignore)
    const proxy = httpProxy.createProxyServer({ target, agent, toProxy: true, selfHandleResponse: true, proxyTimeout: to.timeout })
    proxy.on('proxyReq', (sent) => sent.once('timeout', () => { this.#timedOut = true }))
    proxy.on('proxyRes', (answer) => this.#answer(answer))
    proxy.on('econnreset', () => this.#gone())
    // Of an answer that we handle ourselves http-proxy asks nothing but whether it is over.
    proxy.web(request, response as Writable & ServerResponse, {}, (error) => this.#failed(error))
  }

  #answer(answer: IncomingMessage): void {
    const { reply, response, replyHeaders } = this.#streaming
    if (response.destroyed || this.#status !== 0) return void answer.destroy()
    this.#status = answer.statusCode ?? 502
    reply.writeHead(this.#status, [...towardsSender(this.#status, answer.rawHeaders), ...replyHeaders])
    let cut = false
    answer.once('error', () => { cut = true })
    response.once('close', () => { if (!cut) this.#gone() })
    pipeline(answer, response, (error) => {
      if (error == null) return this.#over(undefined)
      this.#fail(this.#timedOut ? 'receiver-timeout' : 'receiver-invalid', error)
    })
  }

  #failed(error: NodeJS.ErrnoException): void {
    const reason = this.#timedOut ? 'receiver-timeout' : error.code?.startsWith('HPE_') === true ? 'receiver-invalid' : 'receiver-unavailable'
    this.#fail(reason, error)
  }

  #fail(reason: ReceiverReason, { code, name }: NodeJS.ErrnoException): void {
    const row = receiverReasons[reason]
    if (this.#status !== 0) this.#streaming.reply.abort()
    this.#over({ reason, row, facts: { error: code ?? name, phase: this.#status === 0 ? 'head' : 'body' } })
  }

  /** The sender went before it was answered. */
  #gone(): void {
    const { response } = this.#streaming
    if (response.writableFinished) return this.#over(undefined)
    this.#over({ reason: 'body-incomplete', row: { status: 400, title: 'The delivery ended early' }, facts: { phase: 'stream' } })
  }

  /** The first end counts. */
  #over(failure: Failure | undefined): void {
    const status = this.#status === 0 ? failure?.row.status ?? 0 : this.#status
    this.#resolve({ status, bytes: this.#bytes, failure })
  }
}

/**
 * http-proxy rewrites `http:/` in a path, and gives a DELETE in chunks a length of nothing: what it would not hand on as it
 * is, is not handed on.
 */
function bends({ method, target }: Omit<Outbound, 'body'>, framing: Framing): boolean {
  const question = target.indexOf('?')
  const path = question === -1 ? target : target.slice(0, question)
  return /https?:\//.test(path) || ((method === 'DELETE' || method === 'OPTIONS') && framing === 'chunked')
}

const unbendable: Failure = {
  reason: 'malformed-request', row: { status: 400, title: 'The request is not valid' }, facts: { what: 'not-streamable' },
}

/** As the guard found it sound: one length, or chunks, or nothing. */
function framingLines(framing: Framing, method: string): readonly string[] {
  if (framing === 'chunked') return ['transfer-encoding', 'chunked']
  if (framing === 'unsaid') return method === 'GET' || method === 'HEAD' ? [] : ['content-length', '0']
  return ['content-length', String(framing)]
}

/** Header lines in the form that http-proxy reads; repeated ones stay repeated. */
function lines(raw: readonly string[]): Record<string, string | string[]> {
  const found = new Map<string, string[]>()
  for (let at = 0; at < raw.length; at += 2) {
    const name = (raw[at] as string).toLowerCase()
    found.set(name, [...found.get(name) ?? [], raw[at + 1] as string])
  }
  return Object.fromEntries([...found].map(([name, values]) => [name, values.length === 1 ? values[0] as string : values]))
}

interface Way { readonly target: object; readonly agent: HttpAgent; readonly host: string }

interface Ways { readonly all: readonly Way[]; turn: number }

/** Connections are kept for as long as the plan is in use. */
const ways = new WeakMap<ReceiverPlan, Ways>()

/** The URLs of a receiver, in turn. */
function wayTo(plan: ReceiverPlan): Way {
  const known = ways.get(plan) ?? { all: plan.urls.map((url) => makeWay(url, plan)), turn: 0 }
  ways.set(plan, known)
  return known.all[known.turn++ % known.all.length] as Way
}

function makeWay(url: string, { connections, tls }: ReceiverPlan): Way {
  const pool = { keepAlive: true, maxSockets: connections }
  if (url.startsWith('unix:')) return { target: { socketPath: url.slice('unix:'.length) }, agent: new HttpAgent(pool), host: 'localhost' }
  const { protocol, hostname, port, host } = new URL(url)
  const target = { protocol, host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? undefined : port }
  if (protocol === 'http:') return { target, agent: new HttpAgent(pool), host }
  const { ca, certificate: cert, key, serverName: servername } = tls
  const given = Object.entries({ ca, cert, key, servername }).filter(([, value]) => value !== undefined)
  return { target, agent: new HttpsAgent({ ...pool, ...Object.fromEntries(given) }), host }
}

/** What becomes of the answer's body its pipeline tells. */
function ignore(): void {}
