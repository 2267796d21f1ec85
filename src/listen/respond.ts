import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../core/ports.ts'
import type { Answer } from '../core/verdict.ts'

/** What a sender is told of a refusal. */
export interface ProblemDetails {
  readonly id: string
  readonly status: number
  readonly title: string
  /** Only where responses are detailed. */
  readonly reason: string | undefined
  /** Seconds. */
  readonly retryAfter: number | undefined
  /** Further header lines: name, value … */
  readonly headers: readonly string[]
}

/** How long and how much we still take from a sender that is writing its body while it is refused. */
const lingerTime = 2_000
const lingerBytes = 4 * 1024 * 1024

/** RFC 9457 `application/problem+json`. */
export function problemBody({ id, status, title, reason }: ProblemDetails): string {
  return JSON.stringify({ type: 'about:blank', status, title, id, ...(reason === undefined ? {} : { reason }) })
}

export function problemHeaders(problem: ProblemDetails, body: string): string[] {
  const retry = problem.retryAfter === undefined ? [] : ['Retry-After', String(problem.retryAfter)]
  return [
    'Content-Type', 'application/problem+json', 'Content-Length', String(Buffer.byteLength(body)),
    'Cache-Control', 'no-store', 'Sallyport-Delivery', problem.id, ...retry, ...problem.headers,
  ]
}

/**
 * Answers with a problem. The connection goes on only where the request was read to its end and its framing can be
 * trusted; elsewhere it is closed, and rest of the body is never taken for a request.
 */
export function respondProblem(
  request: IncomingMessage, response: ServerResponse, problem: ProblemDetails, framing: 'sound' | 'lost', clock: Clock,
): void {
  if (response.headersSent || response.destroyed) return abort(response)
  const body = problemBody(problem)
  const headers = problemHeaders(problem, body)
  if (framing === 'sound' && (request.complete || !announcesBody(request))) {
    response.writeHead(problem.status, headers)
    response.end(body)
    return
  }
  response.shouldKeepAlive = false
  response.writeHead(problem.status, [...headers, 'Connection', 'close'])
  response.write(body)
  linger(request, response, clock)
}

/** Answers where there is no response object, for a request that the parser did not take; the connection ends with it. */
export function respondByHand(socket: Socket, problem: ProblemDetails): void {
  const body = problemBody(problem)
  const headers = [...problemHeaders(problem, body), 'Connection', 'close']
  const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1]}`] : []))
  socket.end(`HTTP/1.1 ${problem.status} ${problem.title}\r\n${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroySoon())
}

/** A whole answer of our own in place of the receiver's. */
export function respondAnswer(response: ServerResponse, id: string, answer: Answer): void {
  // RFC 9110 §8.6: no Content-Length with 204, not even zero.
  const length = ['Sallyport-Delivery', id, ...(answer.status === 204 ? [] : ['Content-Length', String(answer.body.length)])]
  response.writeHead(answer.status, [...answer.headers, ...length])
  response.end(answer.body)
}

/** The answer broke off: only a broken connection says so. */
export function abort(response: ServerResponse): void {
  response.socket?.destroy()
}

function announcesBody(request: IncomingMessage): boolean {
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
}

/**
 * Takes what the sender is still writing, for a while, and throws it away: closing with unread bytes would reset the
 * connection, and the sender would see the reset in place of our answer.
 */
function linger(request: IncomingMessage, response: ServerResponse, clock: Clock): void {
  let left = lingerBytes
  const done = (): void => {
    cancel()
    request.off('data', onData).off('end', done).off('close', done)
    response.end()
    response.socket?.destroySoon()
  }
  const onData = (chunk: Uint8Array): void => {
    left -= chunk.length
    if (left < 0) done()
  }
  const cancel = clock.after(lingerTime, done)
  request.on('data', onData).on('end', done).on('close', done)
  request.resume()
}
