import type { Answer } from '../core/verdict.ts'
import type { ReplyWriter } from '../core/reply.ts'

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

/** RFC 9457 `application/problem+json`, as the whole answer. Where one has begun already, the connection is broken. */
export function respondProblem(reply: ReplyWriter, problem: ProblemDetails): void {
  if (reply.isGone) return
  if (reply.headSent) return reply.abort()
  const body = Buffer.from(problemBody(problem))
  reply.writeHead(problem.status, problemHeaders(problem, body.length))
  reply.end(body)
}

/** A whole answer of our own in place of the receiver's. */
export function respondAnswer(reply: ReplyWriter, id: string, answer: Answer): void {
  // RFC 9110 §8.6: no Content-Length with 204, not even zero.
  const length = ['Sallyport-Delivery', id, ...(answer.status === 204 ? [] : ['Content-Length', String(answer.body.length)])]
  reply.writeHead(answer.status, [...answer.headers, ...length])
  reply.end(answer.body)
}

function problemBody({ id, status, title, reason }: ProblemDetails): string {
  return JSON.stringify({ type: 'about:blank', status, title, id, ...(reason === undefined ? {} : { reason }) })
}

function problemHeaders({ id, retryAfter, headers }: ProblemDetails, length: number): string[] {
  const retry = retryAfter === undefined ? [] : ['Retry-After', String(retryAfter)]
  return [
    'Content-Type', 'application/problem+json', 'Content-Length', String(length),
    'Cache-Control', 'no-store', 'Sallyport-Delivery', id, ...retry, ...headers,
  ]
}
