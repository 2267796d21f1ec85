import { undecidable, type Decision, type Refusal } from './core/decide.ts'
import type { Address, Head } from './core/delivery.ts'
import type { Route } from './core/policy.ts'
import type { Clock } from './core/ports.ts'
import type { Outbound, ReceiverPlan } from './core/receiver.ts'
import type { Answer, Facts, ReasonRow } from './core/verdict.ts'
import type { Decided } from './audit/record.ts'
import { judge, type Early, type Policy, type Reached } from './judge.ts'
import { forwardDelivery, type Forwarded } from './forward/forwarding.ts'
import { towardsReceiver } from './forward/headers.ts'
import type { Streamed } from './forward/streamed-reply.ts'
import { streamDelivery } from './forward/stream.ts'
import { targetFor } from './forward/target.ts'
import { upgradeDelivery } from './forward/upgrade.ts'
import { BodyReader, type BodyBudget } from './listen/body.ts'
import type { SenderConnection, Turn } from './listen/connection.ts'
import type { Busy, Load } from './listen/load.ts'
import { requestReasons } from './listen/reasons.ts'
import { respondAnswer, respondProblem } from './listen/respond.ts'

/** `last-call`: what comes on an open connection is served, and the connection closed with it · `closed`: it is refused. */
export type Phase = 'open' | 'last-call' | 'closed'

export interface WayParts {
  readonly clock: Clock
  readonly budget: BodyBudget
  readonly load: Load
  readonly newId: () => string
  readonly policy: () => Policy
  readonly phase: () => Phase
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
    this.#body = new BodyReader(turn.request, turn.response, rules, turn.expect)
    turn.response.once('close', () => this.#body.release())
  }

  async go(): Promise<void> {
    const phase = this.#parts.phase()
    if (phase !== 'open') this.#turn.response.shouldKeepAlive = false
    if (phase === 'closed') return this.#refuseEarly({ reason: 'draining', row: requestReasons.draining, facts: {}, framing: 'lost' })
    const { busy } = this.#parts.load
    if (busy !== undefined) return await this.#refuseBusy(busy)
    this.#parts.load.begin()
    try {
      await this.#decide()
    } finally {
      this.#parts.load.end()
    }
  }

  /** A turn later the parser is through with what came: where that is the whole request, the connection need not be closed. */
  async #refuseBusy(busy: Busy): Promise<void> {
    await Promise.resolve()
    this.#refuseEarly({ reason: 'overloaded', row: requestReasons.overloaded, facts: { busy }, framing: 'sound' })
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
    const { method = '', url: target = '', httpVersion: version, rawHeaders } = this.#turn.request
    const connection = this.#connection
    return {
      method, target, version, rawHeaders, called: connection.called, lineFault: this.#turn.lineFault, id: this.#id, at: this.#at,
      isUpgrade: this.#turn.first !== undefined,
      sourceOf: (headers) => connection.sourceOf(headers),
      // A value: an object literal with a getter has a shape of its own each time, which V8 keeps, and the delivery with it.
      certificate: connection.certificate,
      read: (cap) => this.#body.read(cap),
    }
  }

  #refuseEarly({ reason, row, facts, framing }: Pick<Early, 'reason' | 'row' | 'facts' | 'framing'>): void {
    const { request, response } = this.#turn
    if (!this.#recorded) this.#record({ verdict: 'refused', reason, status: row.status, facts, checks: this.#elapsed() })
    if (reason === 'upgrade-not-allowed') response.shouldKeepAlive = false
    respondProblem(request, response, this.#problem(reason, row), framing, this.#parts.clock)
  }

  #refuse(decision: Decision, refusal: Refusal): void {
    const { request, response } = this.#turn
    const { reason, status, facts } = refusal
    this.#record({ verdict: 'refused', reason, status, facts, decision, checks: this.#elapsed() })
    // A certificate stays what it is for as long as the connection does.
    if (refusal.stage === 'certificate') response.shouldKeepAlive = false
    respondProblem(request, response, this.#problem(reason, refusal), 'sound', this.#parts.clock)
  }

  #answer(decision: Decision, answer: Answer): void {
    const checks = this.#elapsed()
    this.#record({ verdict: 'accepted', reason: answer.because, status: answer.status, facts: {}, decision, checks })
    respondAnswer(this.#turn.response, this.#id, answer)
  }

  async #forward(head: Head, route: Route, decision: Decision): Promise<void> {
    const checks = this.#elapsed()
    if (route.forward.stream !== undefined) return await this.#stream(head, route, decision, route.forward.stream)
    const { request, response } = this.#turn
    const forwarded = await forwardDelivery({
      receiver: route.forward.receiver, outbound: this.#outbound(head, route, decision), decision, response,
      replyHeaders: ['Sallyport-Delivery', this.#id], clock: this.#parts.clock,
    })
    const receiver = this.#elapsed() - checks
    const { failure } = forwarded
    if (failure !== undefined) respondProblem(request, response, this.#problem(failure.reason, failure.row), 'sound', this.#parts.clock)
    this.#record({
      verdict: failure === undefined ? 'accepted' : 'refused', reason: failure?.reason ?? decision.refusal?.reason,
      status: forwarded.status, facts: failure?.facts ?? decision.refusal?.facts ?? {}, decision, checks, receiver, forwarded,
    })
  }

  async #stream(head: Head, route: Route, decision: Decision, to: ReceiverPlan): Promise<void> {
    const checks = this.#elapsed()
    const { request, response, expect } = this.#turn
    if (expect === 'continue') response.writeContinue()
    const { status, bytes, failure, facts } = await this.#pass(to, this.#outbound(head, route, decision))
    const receiver = this.#elapsed() - checks
    if (failure !== undefined) respondProblem(request, response, this.#problem(failure.reason, failure.row), 'sound', this.#parts.clock)
    this.#record({
      verdict: failure === undefined ? 'accepted' : 'refused', reason: failure?.reason ?? decision.refusal?.reason, status, bytes,
      facts: failure?.facts ?? { ...decision.refusal?.facts, ...facts }, decision, checks, receiver,
    })
  }

  #pass(to: ReceiverPlan, outbound: Outbound): Promise<Streamed> {
    const { request, response, first } = this.#turn
    const streaming = { request, response, to, outbound, replyHeaders: ['Sallyport-Delivery', this.#id] }
    if (first === undefined) return streamDelivery(streaming)
    return upgradeDelivery({
      ...streaming, first, protocol: 'websocket', clock: this.#parts.clock, idle: this.#policy.plan.limits.idleTimeout,
      opened: (cutOff) => this.#connection.handOver(cutOff),
    })
  }

  /** The bytes that were verified, under headers that only we could have set. */
  #outbound(head: Head, route: Route, decision: Decision): Outbound {
    const introduction = {
      id: this.#id, route: route.name, sender: decision.sender, from: head.from.text, host: head.host, certificate: head.certificate,
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
    const facts = standsIn(decision) ? { ...outcome.facts, store: 'local' } : outcome.facts
    this.#parts.record({
      at: this.#at, id: this.#id, route: this.#route?.name, from: this.#from,
      certificate: this.#connection.certificate, verdict: outcome.verdict, reason: outcome.reason, status: outcome.status,
      bytes: outcome.bytes ?? decision?.body?.length ?? 0, key: decision?.signed?.key, nonce: forwarded?.nonce,
      spent: { checks: outcome.checks - (decision?.storeTime ?? 0), store, receiver: outcome.receiver ?? 0 },
      facts: this.#dropped.length === 0 ? facts : { ...facts, droppedHeaders: this.#dropped },
    })
  }
}

/** Did this process's own memory stand in for the nonce store? The replay check is asked last. */
function standsIn(decision: Decision | undefined): boolean {
  const last = decision?.trail.at(-1)?.verdict
  return last !== undefined && last !== 'not-asked' && last.facts['store'] === 'local'
}

interface Outcome {
  readonly verdict: 'accepted' | 'refused'
  readonly reason: string | undefined
  readonly status: number
  readonly facts: Facts
  readonly checks: number
  readonly decision?: Decision
  readonly receiver?: number
  readonly forwarded?: Forwarded
  /** Of a body that was not held. */
  readonly bytes?: number
}

const nothing = new Uint8Array(0)
