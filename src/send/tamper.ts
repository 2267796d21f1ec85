import type { Instant } from '../core/units.ts'
import type { SchemeDocument } from '../schemes/document.ts'
import { signaturesOf } from '../schemes/plan.ts'
import type { Stamp } from '../schemes/sign.ts'
import { headersOf } from '../schemes/source.ts'
import { formatTime } from '../schemes/time-text.ts'
import type { SenderMistake, SignedRequest } from './sender.ts'

/** What is changed after signing. `replay` changes nothing: the request is sent twice. */
export const tamperings = ['body', 'signature', 'timestamp', 'replay'] as const
export type Tampering = (typeof tamperings)[number]

interface Signing { readonly document: SchemeDocument; readonly at: Instant }

/** Plays the man in the middle: changes one thing of a signed request, and only that. */
export function tamper(request: SignedRequest, stamp: Stamp, how: Tampering | undefined, signing: Signing): SignedRequest | SenderMistake {
  if (how === 'body') return tamperBody(request)
  if (how === 'signature') return tamperSignature(request, signing)
  if (how === 'timestamp') return tamperTimestamp(request, stamp, signing)
  return request
}

/** One bit of the last byte; an empty body gets one. */
function tamperBody(request: SignedRequest): SignedRequest {
  const body = request.body.length === 0 ? Buffer.from('x') : Buffer.from(request.body)
  if (request.body.length > 0) body[body.length - 1] = (body[body.length - 1] as number) ^ 1
  return { ...request, body, rawHeaders: changeHeaders(request, ['content-length'], () => String(body.length)) }
}

/** One character in the middle of the last run of signature characters; the spelling stays right. */
function tamperSignature(request: SignedRequest, { document }: Signing): SignedRequest | SenderMistake {
  const names = signaturesOf(document).flatMap(headersOf)
  const rawHeaders = changeHeaders(request, names, changeCharacter)
  if (rawHeaders.some((value, at) => value !== request.rawHeaders[at])) return { ...request, rawHeaders }
  return { mistake: 'this preset sends its signature outside the headers, which --tamper signature cannot change' }
}

function changeCharacter(value: string): string {
  const at = Math.max(0, value.length - 8)
  const changed = value[at] === 'a' ? 'b' : value[at] === '1' ? '2' : /[0-9]/.test(value[at] ?? '') ? '1' : 'a'
  return value.slice(0, at) + changed + value.slice(at + 1)
}

/** One second later than what was signed. */
function tamperTimestamp(request: SignedRequest, stamp: Stamp, { document, at }: Signing): SignedRequest | SenderMistake {
  const unit = document.timestamp?.unit
  const signed = unit === undefined ? undefined : formatTime(at, unit)
  const later = unit === undefined ? '' : formatTime(at + 1_000, unit)
  const names = stamp.headers.filter((_, index) => index % 2 === 0 && signed !== undefined && (stamp.headers[index + 1] ?? '').includes(signed))
  if (signed === undefined || names.length === 0) return { mistake: 'this preset sends no timestamp that --tamper timestamp could change' }
  const replace = (value: string): string => value.split(signed).join(later)
  return { ...request, rawHeaders: changeHeaders(request, names.map((name) => name.toLowerCase()), replace) }
}

function changeHeaders({ rawHeaders }: SignedRequest, names: readonly string[], change: (value: string) => string): string[] {
  return rawHeaders.map((value, at) => (at % 2 === 1 && names.includes((rawHeaders[at - 1] as string).toLowerCase()) ? change(value) : value))
}
