import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import httpProxy from 'http-proxy'
import type { Outbound } from '../core/receiver.ts'
import type { Bytes } from '../core/units.ts'
import type { Framing } from '../http1/body-decoder.ts'
import type { Failure } from './forwarding.ts'
import { StreamedReply, type Streamed, type Streaming } from './streamed-reply.ts'
import { wayTo } from './ways.ts'

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
    let bytes: Bytes = 0
    const reply = new StreamedReply(streaming, (end) => resolve({ ...end, bytes, facts: {} }))
    streaming.request.on('data', (chunk: Uint8Array) => { bytes += chunk.length })
    pass(streaming, reply)
  })
}

function pass({ request, framing, response, to, outbound }: StreamingBody, reply: StreamedReply): void {
  if (bends(outbound, framing)) return reply.over(unbendable)
  const { target, agent, host } = wayTo(to)
  request.headers = lines([...outbound.headers, 'host', host, ...framingLines(framing, outbound.method)])
  request.url = outbound.target
  request.once('error', () => reply.gone())
  // Two pipes and everybody who waits for the end: more than Node expects, no leak.
  response.setMaxListeners(20).once('close', () => { if (reply.status === 0) reply.gone() }).on('error', ignore)
  const proxy = httpProxy.createProxyServer({ target, agent, toProxy: true, selfHandleResponse: true, proxyTimeout: to.timeout })
  proxy.on('proxyReq', (sent) => {
    sent.once('timeout', () => { reply.timedOut = true })
    reply.watch(sent)
  })
  proxy.on('proxyRes', (answer) => reply.answer(answer))
  proxy.on('econnreset', () => reply.gone())
  // Of an answer that we handle ourselves http-proxy asks nothing but whether it is over.
  proxy.web(request, response as Writable & ServerResponse, {}, (error) => reply.failed(error))
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
