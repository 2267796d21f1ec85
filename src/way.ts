import { undecidable, type Decision, type Refusal } from './core/decide.ts'
import type { Address, Head } from './core/delivery.ts'
import type { Route } from './core/policy.ts'
import type { Clock } from './core/ports.ts'
import type { Milliseconds } from './core/units.ts'
import type { Outbound, ReceiverPlan } from './core/receiver.ts'
import type { Answer, Facts, ReasonRow } from './core/verdict.ts'
import { withNotes } from './audit/notes.ts'
import type { Decided } from './audit/record.ts'
import { judge, type Asked, type Early, type Policy, type Reached } from './judge.ts'
import { forwardDelivery, type Forwarded } from './forward/forwarding.ts'
import { towardsReceiver } from './forward/headers.ts'
import { targetFor } from './forward/target.ts'
import { BodyReader, type BodyBudget } from './listen/body.ts'
import type { SenderConnection } from './listen/connection.ts'
import type { Load } from './listen/load.ts'
import { requestReasons } from './listen/reasons.ts'
import { respondAnswer, respondProblem } from './listen/respond.ts'
import type { Turn } from './listen/turn.ts'
import { protocolAsked } from './listen/upgrade.ts'
import { passThrough } from './pass-through.ts'

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
 * answered and recorded once, and with the record it is over. It never throws.
 */
export function createWay(parts: WayParts): (turn: Turn, connection: SenderConnection, over: () => void) => void {
  return (turn, connection, over) => new Passage(parts, turn, connection, over).go()
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
  readonly #over: () => void
  /** Who sent it; the peer's own address until the headers are read. */
  #from: Address
  #route: Route | undefined
  #dropped: readonly string[] = []
  #isCounted = false
  #recorded = false

  constructor(parts: WayParts, turn: Turn, connection: SenderConnection, over: () => void) {
    this.#parts = parts
    this.#over = over
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

  go(): void {
    try {
      this.#enter()
    } catch (error) {
      this.#fail(error)
    }
  }

  #enter(): void {
    const phase = this.#parts.phase()
    if (phase !== 'open') this.#connection.retire()
    if (phase === 'closed') return this.#refuseEarly({ reason: 'draining', row: requestReasons.draining, facts: {}, framing: 'lost' })
    if (!this.#parts.recordable()) return this.#refuseUnread('audit-unavailable', {})
    const { busy } = this.#parts.load
    if (busy !== undefined) return this.#refuseUnread('overloaded', { busy })
    this.#parts.load.begin()
    this.#isCounted = true
    const judged = judge(this.#policy, this.#reached(), this.#parts.clock)
    if (judged instanceof Promise) void judged.then((later) => this.#goOn(later)).catch(this.#fail)
    else this.#goOn(judged)
  }

  #refuseUnread(reason: 'overloaded' | 'audit-unavailable', facts: Facts): void {
    this.#refuseEarly({ reason, row: requestReasons[reason], facts, framing: 'sound' })
  }

  #goOn(judged: Early | Asked): void {
    this.#route = judged.route
    this.#from = judged.from ?? this.#from
    this.#dropped = judged.dropped
    if (judged.judged === 'early') return this.#refuseEarly(judged)
    const { head, route, decision } = judged
    if (decision.outcome === 'refused' && decision.refusal !== undefined) return this.#refuse(decision, decision.refusal)
    if (decision.answer !== undefined) return this.#answer(decision, decision.answer)
    if (route.forward.stream === undefined) return this.#forward(head, route, decision)
    void this.#stream(head, route, decision, route.forward.stream).catch(this.#fail)
  }

  /** A fault of ours: refused, and said so in the record. */
  readonly #fail = (error: unknown): void => {
    const facts = { fault: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }
    this.#refuseEarly({ reason: 'undecidable', row: undecidable, facts, framing: 'lost' })
  }

  #reached(): Reached {
    const { method, target, version, rawHeaders } = this.#turn
    const connection = this.#connection
    const read: Reached['read'] = (cap) => this.#body.read(cap)
    return {
      method, target, version, rawHeaders, called: connection.called, id: this.#id, at: this.#at,
      sourceOf: connection.sourceOf,
      // A value: an object literal with a getter has a shape of its own each time, which V8 keeps, and the delivery with it.
      certificate: connection.certificate,
      read,
    }
  }

  #refuseEarly({ reason, row, facts, framing }: Pick<Early, 'reason' | 'row' | 'facts' | 'framing'>): void {
    this.#record({ verdict: 'refused', reason, status: row.status, facts, checks: this.#elapsed() })
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

  #forward(head: Head, route: Route, decision: Decision): void {
    const checks = this.#elapsed()
    forwardDelivery({
      receiver: route.forward.receiver, outbound: this.#outbound(head, route, decision), decision, reply: this.#turn.reply,
      replyHeaders: ['Sallyport-Delivery', this.#id], clock: this.#parts.clock,
    }, (forwarded) => {
      try {
        this.#forwarded(decision, forwarded, checks)
      } catch (error) {
        this.#fail(error)
      }
    })
  }

  #forwarded(decision: Decision, forwarded: Forwarded, checks: Milliseconds): void {
    const receiver = this.#elapsed() - checks
    const { failure } = forwarded
    if (failure !== undefined) respondProblem(this.#turn.reply, this.#problem(failure.reason, failure.row))
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
    const { status, bytes, failure, facts } = await passThrough({
      turn: this.#turn, connection: this.#connection, protocol: protocolAsked(head.headers), to, outbound: this.#outbound(head, route, decision),
      replyHeaders: ['Sallyport-Delivery', this.#id], clock: this.#parts.clock, idle: this.#policy.plan.limits.idleTimeout,
    })
    const receiver = this.#elapsed() - checks
    if (failure !== undefined) respondProblem(reply, this.#problem(failure.reason, failure.row))
    this.#record({
      verdict: failure === undefined ? 'accepted' : 'refused', reason: failure?.reason ?? decision.refusal?.reason, status, bytes,
      facts: failure?.facts ?? { ...decision.refusal?.facts, ...facts }, decision, checks, receiver,
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

  /** The end of its way. */
  #record(outcome: Outcome): void {
    if (this.#recorded) return
    this.#recorded = true
    if (this.#isCounted) this.#parts.load.end()
    this.#over()
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
