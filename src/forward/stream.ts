import type { IncomingMessage } from 'node:http'
import httpProxy from 'http-proxy'
import type { Bytes } from '../core/units.ts'
import type { Failure } from './forwarding.ts'
import { StreamedReply, type Streamed, type Streaming } from './streamed-reply.ts'
import { wayTo } from './ways.ts'

/**
 * Streams a request in and its answer back, at the pace of the slower side, and holds no more than a few buffers of it.
 * `timeout` of the receiver is the longest silence here, not the whole time. Never sent again. Never rejects.
 */
export function streamDelivery(streaming: Streaming): Promise<Streamed> {
  return new Promise((resolve) => {
    let bytes: Bytes = 0
    const reply = new StreamedReply(streaming, (end) => resolve({ ...end, bytes, facts: {} }))
    streaming.request.on('data', (chunk: Uint8Array) => { bytes += chunk.length })
    pass(streaming, reply)
  })
}

function pass({ request, response, to, outbound }: Streaming, reply: StreamedReply): void {
  if (bends(request.method, outbound.target, request.headers['transfer-encoding'])) return reply.over(unbendable)
  const { target, agent, host } = wayTo(to)
  request.headers = lines([...outbound.headers, 'host', host, ...framingOf(request)])
  request.url = outbound.target
  request.once('error', () => reply.gone())
  // Two pipes and everybody who waits for the end: more than Node expects, no leak.
  response.setMaxListeners(20).once('close', () => { if (reply.status === 0) reply.gone() })
  const proxy = httpProxy.createProxyServer({ target, agent, toProxy: true, selfHandleResponse: true, proxyTimeout: to.timeout })
  proxy.on('proxyReq', (sent) => {
    sent.once('timeout', () => { reply.timedOut = true })
    reply.watch(sent)
  })
  proxy.on('proxyRes', (answer) => reply.answer(answer))
  proxy.on('econnreset', () => reply.gone())
  proxy.web(request, response, {}, (error) => reply.failed(error))
}

/**
 * http-proxy rewrites `http:/` in a path, and gives a DELETE in chunks a length of nothing: what it would not hand on as it
 * is, is not handed on.
 */
function bends(method: string | undefined, target: string, encoding: string | undefined): boolean {
  const question = target.indexOf('?')
  const path = question === -1 ? target : target.slice(0, question)
  return /https?:\//.test(path) || ((method === 'DELETE' || method === 'OPTIONS') && encoding !== undefined)
}

const unbendable: Failure = {
  reason: 'malformed-request', row: { status: 400, title: 'The request is not valid' }, facts: { what: 'not-streamable' },
}

/** As the guard found it sound: one length, or chunks, or nothing. */
function framingOf({ headers, method }: IncomingMessage): readonly string[] {
  if (headers['transfer-encoding'] !== undefined) return ['transfer-encoding', 'chunked']
  const length = headers['content-length'] ?? (method === 'GET' || method === 'HEAD' ? undefined : '0')
  return length === undefined ? [] : ['content-length', length]
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
