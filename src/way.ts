import { undecidable, type Decision, type Refusal } from './core/decide.ts'
import type { Address, Head } from './core/delivery.ts'
import type { Route } from './core/policy.ts'
import type { Clock } from './core/ports.ts'
import type { Outbound, ReceiverPlan } from './core/receiver.ts'
import type { Answer, Facts, ReasonRow } from './core/verdict.ts'
import { withNotes } from './audit/notes.ts'
import type { Decided } from './audit/record.ts'
import { judge, type Early, type Policy, type Reached } from './judge.ts'
import { forwardDelivery, type Forwarded } from './forward/forwarding.ts'
import { towardsReceiver } from './forward/headers.ts'
import type { Streamed } from './forward/streamed-reply.ts'
import { targetFor } from './forward/target.ts'
import { upgradeDelivery } from './forward/upgrade.ts'
import { BodyReader, type BodyBudget } from './listen/body.ts'
import type { SenderConnection } from './listen/connection.ts'
import type { Load } from './listen/load.ts'
import { replyStream, requestStream } from './listen/node-streams.ts'
import { requestReasons } from './listen/reasons.ts'
import { respondAnswer, respondProblem } from './listen/respond.ts'
import type { Turn } from './listen/turn.ts'
import { protocolAsked } from './listen/upgrade.ts'

/** `last-call`: what comes on an open connection is served, and the connection closed with it · `closed`: it is refused. */
export type Phase = 'open' | 'last-call' | 'closed'

export interface WayParts {
  readonly clock: Clock
  readonly budget: BodyBudget
  readonly load: Load
  readonly newId: () => string
  readonly policy: () => Policy
  readonly phase: () => Phase
  /** Can it be put on record what becomes of a delivery? */
  readonly recordable: () => boolean
  readonly record: (decided: Decided) => void
}

/**
 * The way of a delivery through the gateway: head, route, questions, receiver, record. Whatever happens on it is
 * answered and recorded once; it never rejects.
 */
export function createWay(parts: WayParts): (turn: Turn, connection: SenderConnection) => Promise<void> {
  return async (turn, connection) => {
    const passage = new Passage(parts, turn, connection)
    try {
      await passage.go()
    } catch (error) {
      passage.fail(error)
    }
  }
}

/** One delivery on its way. */
class Passage {
  readonly #parts: WayParts
  readonly #turn: Turn
  readonly #connection: SenderConnection
  readonly #policy: Policy
  readonly #id: string
  readonly #started: number
  readonly #at: number
  readonly #body: BodyReader
  /** Who sent it; the peer's own address until the headers are read. */
  #from: Address
  #route: Route | undefined
  #dropped: readonly string[] = []
  #recorded = false

  constructor(parts: WayParts, turn: Turn, connection: SenderConnection) {
    this.#parts = parts
    this.#turn = turn
    this.#connection = connection
    this.#from = connection.from
    this.#policy = parts.policy()
    this.#id = parts.newId()
    this.#started = parts.clock.monotonic()
    this.#at = parts.clock.now()
    const { clock, budget } = parts
    const { bodyTimeout: timeout, bodyRate: rate } = this.#policy.plan.limits
    const rules = { clock, budget, timeout, rate }
    this.#body = new BodyReader(turn, rules)
    turn.reply.whenOver(() => this.#body.release())
  }

  async go(): Promise<void> {
    const phase = this.#parts.phase()
    if (phase !== 'open') this.#connection.retire()
    if (phase === 'closed') return this.#refuseEarly({ reason: 'draining', row: requestReasons.draining, facts: {}, framing: 'lost' })
    if (!this.#parts.recordable()) return this.#refuseUnread('audit-unavailable', {})
    const { busy } = this.#parts.load
    if (busy !== undefined) return this.#refuseUnread('overloaded', { busy })
    this.#parts.load.begin()
    try {
      await this.#decide()
    } finally {
      this.#parts.load.end()
    }
  }

  #refuseUnread(reason: 'overloaded' | 'audit-unavailable', facts: Facts): void {
    this.#refuseEarly({ reason, row: requestReasons[reason], facts, framing: 'sound' })
  }

  async #decide(): Promise<void> {
    const judged = await judge(this.#policy, this.#reached(), this.#parts.clock)
    this.#route = judged.route
    this.#from = judged.from ?? this.#from
    this.#dropped = judged.dropped
    if (judged.judged === 'early') return this.#refuseEarly(judged)
    const { head, route, decision } = judged
    if (decision.outcome === 'refused' && decision.refusal !== undefined) return this.#refuse(decision, decision.refusal)
    if (decision.answer !== undefined) return this.#answer(decision, decision.answer)
    await this.#forward(head, route, decision)
  }

  /** A fault of ours: refused, and said so in the record. */
  fail(error: unknown): void {
    const facts = { fault: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }
    this.#refuseEarly({ reason: 'undecidable', row: undecidable, facts, framing: 'lost' })
  }

  #reached(): Reached {
    const { method, target, version, rawHeaders } = this.#turn
    const connection = this.#connection
    return {
      method, target, version, rawHeaders, called: connection.called, id: this.#id, at: this.#at,
      sourceOf: (headers) => connection.sourceOf(headers),
      // A value: an object literal with a getter has a shape of its own each time, which V8 keeps, and the delivery with it.
      certificate: connection.certificate,
      read: (cap) => this.#body.read(cap),
    }
  }

  #refuseEarly({ reason, row, facts, framing }: Pick<Early, 'reason' | 'row' | 'facts' | 'framing'>): void {
    if (!this.#recorded) this.#record({ verdict: 'refused', reason, status: row.status, facts, checks: this.#elapsed() })
    if (framing === 'lost') this.#turn.forfeit()
    respondProblem(this.#turn.reply, this.#problem(reason, row))
  }

  #refuse(decision: Decision, refusal: Refusal): void {
    const { reason, status, facts } = refusal
    this.#record({ verdict: 'refused', reason, status, facts, decision, checks: this.#elapsed() })
    // A certificate stays what it is for as long as the connection does.
    if (refusal.stage === 'certificate') this.#connection.retire()
    respondProblem(this.#turn.reply, this.#problem(reason, refusal))
  }

  #answer(decision: Decision, answer: Answer): void {
    const checks = this.#elapsed()
    this.#record({ verdict: 'accepted', reason: answer.because, status: answer.status, facts: {}, decision, checks })
    respondAnswer(this.#turn.reply, this.#id, answer)
  }

  async #forward(head: Head, route: Route, decision: Decision): Promise<void> {
    const checks = this.#elapsed()
    if (route.forward.stream !== undefined) return await this.#stream(head, route, decision, route.forward.stream)
    const { reply } = this.#turn
    const forwarded = await forwardDelivery({
      receiver: route.forward.receiver, outbound: this.#outbound(head, route, decision), decision, reply,
      replyHeaders: ['Sallyport-Delivery', this.#id], clock: this.#parts.clock,
    })
    const receiver = this.#elapsed() - checks
    const { failure } = forwarded
    if (failure !== undefined) respondProblem(reply, this.#problem(failure.reason, failure.row))
    this.#record({
      verdict: failure === undefined ? 'accepted' : 'refused', reason: failure?.reason ?? decision.refusal?.reason,
      status: forwarded.status, facts: failure?.facts ?? decision.refusal?.facts ?? {}, decision, checks, receiver, forwarded,
    })
  }

  async #stream(head: Head, route: Route, decision: Decision, to: ReceiverPlan): Promise<void> {
    const checks = this.#elapsed()
    this.#connection.socket.allowHalfOpen = false // Who ends its side is gone: of an answer without end it could not say so otherwise.
    const { reply, expectsContinue } = this.#turn
    if (expectsContinue) reply.writeContinue()
    const { status, bytes, failure, facts } = await this.#pass(to, head, this.#outbound(head, route, decision))
    const receiver = this.#elapsed() - checks
    if (failure !== undefined) respondProblem(reply, this.#problem(failure.reason, failure.row))
    this.#record({
      verdict: failure === undefined ? 'accepted' : 'refused', reason: failure?.reason ?? decision.refusal?.reason, status, bytes,
      facts: failure?.facts ?? { ...decision.refusal?.facts, ...facts }, decision, checks, receiver,
    })
  }

  async #pass(to: ReceiverPlan, head: Head, outbound: Outbound): Promise<Streamed> {
    const [turn, connection] = [this.#turn, this.#connection]
    const streaming = { reply: turn.reply, response: replyStream(turn), to, outbound, replyHeaders: ['Sallyport-Delivery', this.#id], clock: this.#parts.clock }
    const protocol = protocolAsked(head.headers)
    if (protocol === undefined) {
      // Read when the first streaming route is asked: most gateways have none, and http-proxy is large.
      const { streamDelivery } = await import('./forward/stream.ts')
      return await streamDelivery({ ...streaming, request: requestStream(turn, connection.socket), framing: turn.framing })
    }
    // Whatever the answer is, what the sender writes behind this is no HTTP.
    turn.forfeit()
    return await upgradeDelivery({
      ...streaming, protocol, sender: connection.socket, idle: this.#policy.plan.limits.idleTimeout,
      release: () => connection.release(), opened: (cutOff) => connection.handOver(cutOff),
    })
  }

  /** The bytes that were verified, under headers that only we could have set. */
  #outbound(head: Head, route: Route, decision: Decision): Outbound {
    const introduction = {
      id: this.#id, route: route.name, sender: decision.sender, from: head.from.text, host: head.host, certificate: head.certificate,
      certificateHeaders: route.forward.certificate,
    }
    return {
      method: head.method, target: targetFor(head, route), headers: towardsReceiver(head.headers, introduction),
      body: decision.body ?? nothing,
    }
  }

  #elapsed(): number {
    return this.#parts.clock.monotonic() - this.#started
  }

  #problem(reason: string, row: ReasonRow) {
    return {
      id: this.#id, status: row.status, title: row.title, retryAfter: row.retryAfter, headers: row.headers ?? [],
      reason: this.#policy.plan.responses === 'detailed' ? reason : undefined,
    }
  }

  #record(outcome: Outcome): void {
    this.#recorded = true
    const { decision, forwarded } = outcome
    const store = (decision?.storeTime ?? 0) + (forwarded?.storeTime ?? 0)
    const facts = withNotes({ ...decision?.note, ...outcome.facts, ...(decision?.claim?.standIn && { store: 'local' }) }, decision?.trail)
    this.#parts.record({
      at: this.#at, id: this.#id, route: this.#route?.name, from: this.#from,
      certificate: this.#connection.certificate, verdict: outcome.verdict, reason: outcome.reason, status: outcome.status,
      bytes: outcome.bytes ?? decision?.body?.length ?? 0, key: decision?.signed?.key, nonce: forwarded?.nonce,
      spent: { checks: outcome.checks - (decision?.storeTime ?? 0), store, receiver: outcome.receiver ?? 0 },
      facts: this.#dropped.length === 0 ? facts : { ...facts, droppedHeaders: this.#dropped },
    })
  }
}

interface Outcome extends Pick<Decided, 'verdict' | 'reason' | 'status' | 'facts'> {
  readonly checks: number
  readonly decision?: Decision
  readonly receiver?: number
  readonly forwarded?: Forwarded
  /** Of a body that was not held. */
  readonly bytes?: number
}

const nothing = new Uint8Array(0)
