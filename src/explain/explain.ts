import { createHash } from 'node:crypto'
import { signatureDetailOf, type SignatureDetail } from '../checks/signature.ts'
import type { Answered } from '../core/decide.ts'
import type { Facts } from '../core/verdict.ts'
import { judge, type Asked, type Early } from '../judge.ts'
import type { Verifiable } from '../schemes/reading.ts'
import type { Inspection } from '../schemes/scheme.ts'
import type { Circumstances } from './circumstances.ts'
import { guessMistakes } from './guesses.ts'
import type { Offline } from './offline.ts'
import type { Recorded } from './recorded.ts'

/** What a policy says of a recorded request, and why. */
export interface Explanation {
  readonly verdict: 'accepted' | 'refused'
  readonly route: string | undefined
  readonly reason: string | undefined
  /** The status of the refusal; undefined where the receiver would give it. */
  readonly status: number | undefined
  readonly steps: readonly Step[]
  /** What is likely meant, where a signature does not match. */
  readonly likely: readonly string[]
  readonly notes: readonly string[]
}

/** One question and its answer. */
export interface Step {
  readonly stage: string
  readonly check: string
  readonly verdict: 'pass' | 'refuse' | 'not-asked'
  readonly reason: string | undefined
  readonly facts: Facts
  readonly signature: SignatureFacts | undefined
}

/** Holds MACs of this delivery, which its secret's owner may see; never the secret. */
export interface SignatureFacts extends Omit<Inspection, 'refusal' | 'material'> {
  readonly signed: Uint8Array
  /** SHA-256 of each secret or key as it is written, the first 12 hex digits: enough to tell two of them apart. */
  readonly keys: readonly { readonly reference: string; readonly fingerprint: string }[]
}

/** Judges a recorded request as the gateway would: the same call. */
export function judgeRecorded(offline: Offline, recorded: Recorded, { from, certificate, at }: Circumstances): Early | Asked | Promise<Asked> {
  offline.clock.set(at)
  const { body } = recorded
  return judge(offline, {
    ...recorded, id: 'recorded', at, certificate, sourceOf: () => from,
    read: (cap) => (body.length > cap ? { fault: 'too-large' } : body),
  }, offline.clock)
}

/** Judges a recorded request, and says what lies behind every answer. */
export async function explain(offline: Offline, recorded: Recorded, circumstances: Circumstances): Promise<Explanation> {
  const judged = await judgeRecorded(offline, recorded, circumstances)
  return judged.judged === 'early' ? explainEarly(judged, recorded) : explainAsked(judged, recorded, circumstances, offline.plan.routes)
}

function explainEarly({ route, reason, row, facts, dropped }: Early, { notes }: Recorded): Explanation {
  const step: Step = { stage: 'request', check: 'request', verdict: 'refuse', reason, facts, signature: undefined }
  return { verdict: 'refused', route: route?.name, reason, status: row.status, steps: [step], likely: [], notes: [...notes, ...droppedNotes(dropped)] }
}

async function explainAsked({ route, head, decision, dropped }: Asked, { notes, body }: Recorded, { at }: Circumstances, routes: Offline['plan']['routes']): Promise<Explanation> {
  const { refusal, outcome, answer } = decision
  const delivery = { ...head, certificate: head.certificate, body, at }
  const detail = route.questions.map(signatureDetailOf).find((one) => one !== undefined)
  const signature = detail && await signatureFacts(detail, delivery)
  const others = routes.filter((other) => other !== route).flatMap(({ name, questions }) => questions.map(signatureDetailOf).flatMap((one) => (one === undefined ? [] : [{ route: name, keys: one.keys }])))
  const failed = refusal?.stage === 'signature' || refusal?.stage === 'time'
  return {
    verdict: outcome, route: route.name, reason: refusal?.reason ?? answer?.because, status: refusal?.status ?? answer?.status,
    steps: decision.trail.map((answered) => explainStep(answered, signature)),
    likely: detail !== undefined && failed ? [...await guessMistakes(detail, delivery, others), ...timeGuesses(detail, signature)] : [],
    notes: [...notes, ...droppedNotes(dropped)],
  }
}

function explainStep({ stage, check, verdict }: Answered, facts: SignatureFacts | undefined): Step {
  const signature = stage === 'signature' && check === 'signature' ? facts : undefined
  if (verdict === 'not-asked') return { stage, check, verdict, reason: undefined, facts: {}, signature }
  const reason = verdict.verdict === 'refuse' ? verdict.reason : undefined
  return { stage, check, verdict: verdict.verdict, reason, facts: verdict.facts, signature }
}

async function signatureFacts({ scheme, keys }: SignatureDetail, delivery: Verifiable): Promise<SignatureFacts | undefined> {
  const inspected = scheme.inspect?.(delivery) ?? await scheme.watched?.()?.(delivery)
  if (inspected === undefined) return undefined
  const { refusal: _, material, ...inspection } = inspected
  const fingerprints = [...keys.secrets, ...keys.keys].map(({ reference, bytes }) => ({
    reference, fingerprint: createHash('sha256').update(bytes).digest('hex').slice(0, 12),
  }))
  return { ...inspection, signed: Buffer.concat(material), keys: fingerprints }
}

/** Thirteen digits are milliseconds, ten are seconds: a time of the wrong unit lies decades away. */
function timeGuesses({ scheme }: SignatureDetail, signature: SignatureFacts | undefined): string[] {
  const text = signature?.timestamp
  const unit = scheme.document.timestamp?.unit
  if (text === undefined) return []
  if (unit === 'seconds' && /^[0-9]{13}$/.test(text)) return ['the timestamp is in milliseconds, where the scheme asks for seconds']
  return unit === 'milliseconds' && /^[0-9]{10}$/.test(text) ? ['the timestamp is in seconds, where the scheme asks for milliseconds'] : []
}

function droppedNotes(dropped: readonly string[]): string[] {
  return dropped.length === 0 ? [] : [`headers whose names hold "_" are dropped before any check: ${dropped.join(', ')}`]
}
