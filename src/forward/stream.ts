import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import { Stream, type Writable } from 'node:stream'
import httpProxy from 'http-proxy'
import type { Outbound } from '../core/receiver.ts'
import type { Framing } from '../http1/body-decoder.ts'
import type { Failure } from './forwarding.ts'
import { StreamedReply, type Streamed, type Streaming } from './streamed-reply.ts'
import { behindAgent, waysTo, whenConnected, type Way } from './ways.ts'

/** With the body on its way in. */
export interface StreamingBody extends Streaming {
  /** Method and body; its header lines are not looked at. */
  readonly request: IncomingMessage
  /** How long its body is. */
  readonly framing: Framing
}

/**
 * Streams a request in and its answer back, at the pace of the slower side, and holds no more than a few buffers of it.
 * `timeout` of the receiver is the longest silence here, not the whole time. Never sent again. Never rejects.
 */
export function streamDelivery(streaming: StreamingBody): Promise<Streamed> {
  return new Promise((resolve) => {
    pass(streaming, new StreamedReply(streaming, (end) => resolve({ ...end, facts: {} })))
  })
}

function pass(streaming: StreamingBody, reply: StreamedReply): void {
  const { request, framing, response, to, outbound, clock } = streaming
  if (bends(outbound, framing)) return reply.over(unbendable)
  request.url = outbound.target
  const ways = waysTo(to, clock)
  // Two pipes and everybody who waits for the end, for each URL that is tried: more than Node expects, no leak.
  request.setMaxListeners(20 + ways.length).once('error', () => reply.gone())
  response.setMaxListeners(20 + ways.length).once('close', () => { if (reply.status === 0) reply.gone() }).on('error', ignore)
  passBy(ways, streaming, reply)
}

/** By the first of these URLs; by the next one where not one byte was written, which is known as long as there is no connection. */
function passBy(ways: readonly Way[], streaming: StreamingBody, reply: StreamedReply): void {
  const { request, framing, response, to, outbound } = streaming
  const [way, others] = [ways[0] as Way, ways.slice(1)]
  request.headers = lines([...outbound.headers, 'host', way.host, ...framingLines(framing, outbound.method)])
  reply.health = way.health
  let stage: 'connecting' | 'connected' | 'over' = 'connecting'
  const pipe = (sent: ClientRequest): void => {
    reply.watch(sent)
    // Before http-proxy hears of it, and breaks it off.
    sent.prependOnceListener('timeout', () => { reply.silent = silentOne(streaming, sent) })
    response.once('close', () => { if (reply.status === 0) sent.destroy() })
    const ready = (): void => {
      stage = 'connected'
      request.on('data', (chunk: Uint8Array) => { reply.bytes += chunk.length }).pipe(sent)
    }
    whenConnected(sent, way.agent, streaming, { ready, late: failed })
  }
  const failed = (error: Error): void => {
    const was = stage
    stage = 'over'
    if (was === 'over') return
    if (was === 'connected' || others.length === 0 || response.destroyed) return reply.failed(error)
    reply.unwell()
    passBy(others, streaming, reply)
  }
  const proxy = httpProxy.createProxyServer({ target: behindAgent, agent: way.agent, toProxy: true, selfHandleResponse: true, proxyTimeout: to.timeout })
  proxy.on('proxyRes', (answer) => reply.answer(answer))
  proxy.on('econnreset', () => reply.gone())
  // Of an answer that we handle ourselves http-proxy asks nothing but whether it is over; of what is to be sent, that it can be piped.
  proxy.web(request, response as Writable & ServerResponse, { buffer: Object.assign(new Stream(), { pipe }) as unknown as Stream }, failed)
}

/** Nothing moved: who should have? */
function silentOne({ request, response }: StreamingBody, sent: ClientRequest): 'sender' | 'receiver' {
  const isNotReading = response.writableNeedDrain
  const isNotWriting = !request.readableEnded && !sent.writableNeedDrain
  return isNotReading || isNotWriting ? 'sender' : 'receiver'
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

/** What becomes of the answer's body its pipeline tells. */
function ignore(): void {}
