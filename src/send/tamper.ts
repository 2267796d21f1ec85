import { escapeBytes, type Stamp } from '../schemes/sign.ts'
import type { SenderMistake, SignedRequest } from './sender.ts'

/** What is changed after signing. `replay` changes nothing: the request is sent twice. */
export const tamperings = ['body', 'signature', 'timestamp', 'replay'] as const
export type Tampering = (typeof tamperings)[number]

/** Plays the man in the middle: changes one thing of a signed request, and only that. */
export function tamper(request: SignedRequest, { marks }: Stamp, how: Tampering | undefined): SignedRequest | SenderMistake {
  if (how === 'body') return tamperBody(request)
  if (how === 'signature') {
    return replaced(request, marks?.signature ?? '', changeCharacter(marks?.signature ?? '')) ?? { mistake: 'this preset sends no signature that --tamper signature could change' }
  }
  if (how !== 'timestamp') return request
  const time = marks?.time
  return (time && replaced(request, time.signed, time.later)) ?? { mistake: 'this preset sends no timestamp that --tamper timestamp could change' }
}

/** One bit of the last byte; an empty body gets one. */
function tamperBody(request: SignedRequest): SignedRequest {
  const body = request.body.length === 0 ? Buffer.from('x') : Buffer.from(request.body)
  if (request.body.length > 0) body[body.length - 1] = (body[body.length - 1] as number) ^ 1
  return withBody(request, body)
}

/** Undefined: the text stands nowhere in the request. Looked for in headers, query and body, as it is and escaped. */
function replaced(request: SignedRequest, text: string, by: string): SignedRequest | undefined {
  if (text === '') return undefined
  for (const [from, to] of [[text, by], [escapeBytes(text), escapeBytes(by)], [encodeURIComponent(text), encodeURIComponent(by)]] as const) {
    const swap = (value: string): string => value.split(from).join(to)
    const body = Buffer.from(swap(Buffer.from(request.body).toString('latin1')), 'latin1')
    const rawHeaders = request.rawHeaders.map((value, at) => (at % 2 === 1 ? swap(value) : value))
    const changed = { ...request, target: swap(request.target), rawHeaders }
    const differs = changed.target !== request.target || !body.equals(request.body) || rawHeaders.some((value, at) => value !== request.rawHeaders[at])
    if (differs) return body.equals(request.body) ? changed : withBody(changed, body)
  }
  return undefined
}

function withBody(request: SignedRequest, body: Uint8Array): SignedRequest {
  const { rawHeaders } = request
  const length = (at: number): boolean => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'content-length'
  return { ...request, body, rawHeaders: rawHeaders.map((value, at) => (length(at) ? String(body.length) : value)) }
}

/** One character near the end; the spelling stays right. */
function changeCharacter(value: string): string {
  const at = Math.max(0, value.length - 8)
  const changed = value[at] === 'a' ? 'b' : value[at] === '1' ? '2' : /[0-9]/.test(value[at] ?? '') ? '1' : 'a'
  return value.slice(0, at) + changed + value.slice(at + 1)
}
