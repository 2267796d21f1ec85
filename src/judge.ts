import { decide, type Decision } from './core/decide.ts'
import type { Address, Head } from './core/delivery.ts'
import type { Headers } from './core/headers.ts'
import { parseHost } from './core/host.ts'
import type { Plan } from './core/plan.ts'
import type { Route } from './core/policy.ts'
import type { Clock } from './core/ports.ts'
import type { Facts, ReasonRow } from './core/verdict.ts'
import { contested, inspect, type RawHead, type Unsound } from './listen/guard.ts'
import { requestReasons } from './listen/reasons.ts'
import { upgradeFault, type UpgradeRefused } from './listen/upgrade.ts'
import type { Find } from './listen/routes.ts'

/** What holds for a delivery from beginning to end: a reload changes the next delivery, never this one. */
export interface Policy {
  readonly plan: Plan
  readonly find: Find
}

/** A delivery as it reached us: a request's head, and what its connection knows. */
export interface Reached extends RawHead, Pick<Head, 'id' | 'at' | 'certificate' | 'read'> {
  /** The sender's address, where headers of a trusted peer may tell it; undefined: they were to tell it, and do not. */
  readonly sourceOf: (headers: Headers) => Address | undefined
  /** The name that the sender called in the TLS handshake; undefined where it called none. */
  readonly called?: string | undefined
}

/** Refused before there were questions to ask. */
export interface Early {
  readonly judged: 'early'
  readonly route: Route | undefined
  readonly reason: string
  readonly row: ReasonRow
  readonly facts: Facts
  /** Lost: nobody can say where this request ends; the connection must be closed behind the answer. */
  readonly framing: 'sound' | 'lost'
  readonly dropped: readonly string[]
  /** Undefined: not known yet. */
  readonly from: Address | undefined
}

/** Every question of the route was asked, or as many as it took. */
export interface Asked {
  readonly judged: 'asked'
  readonly route: Route
  readonly head: Head
  readonly decision: Decision
  readonly from: Address
  /** Names of header lines that no check saw, and that are not forwarded. */
  readonly dropped: readonly string[]
}

/**
 * The whole judgement of a delivery: head, route, questions. No socket is needed: the gateway, `explain` and policy tests
 * make the same call.
 */
export function judge(policy: Policy, reached: Reached, clock: Pick<Clock, 'monotonic'>): Early | Asked | Promise<Asked> {
  const sound = inspect(reached, policy.plan.limits.headers)
  if (!sound.sound) return early(sound, undefined, { dropped: [], from: undefined })
  const { host, path, query, headers, dropped } = sound
  const from = reached.sourceOf(headers)
  if (from === undefined) return early(noSource, undefined, { dropped, from })
  const found = policy.find(host, path, reached.method)
  if (found.found !== 'route') return { ...notFound(found), dropped, from }
  const { route } = found
  const fault = misdirected(route, host, reached.called) ?? contested(headers, route.reads) ?? upgradeFault(reached, headers, route.forward)
  if (fault !== undefined) return early(fault, route, { dropped, from })
  const { id, at, method, read, certificate } = reached
  const head: Head = { id, from, at, method, host, path, query, headers, certificate, read }
  const asked = (decision: Decision): Asked => ({ judged: 'asked', route, head, from, decision, dropped })
  const decision = decide(head, route.questions, route.mode, clock)
  return decision instanceof Promise ? decision.then(asked) : asked(decision)
}

/**
 * Where a certificate decides, the handshake and the request must be about the same host: a sender that was let in under
 * one name gets nothing under another (CVE-2025-23048).
 */
function misdirected(route: Route, host: string, called: string | undefined) {
  if (called === undefined || parseHost(called) === host || !route.questions.some(({ stage }) => stage === 'certificate')) return undefined
  return { reason: 'misdirected', facts: { called, host }, framing: 'sound' } as const
}

/** A proxy that we trust wrote a header that names no sender; whose connection it is, nobody knows. */
const noSource = { reason: 'malformed-request', facts: { fault: 'the trusted peer’s header names no address' }, framing: 'sound' } as const

function early(
  { reason, facts, framing }: Pick<Unsound, 'facts' | 'framing'> & { readonly reason: Unsound['reason'] | UpgradeRefused['reason'] | 'misdirected' }, route: Route | undefined, known: Pick<Early, 'dropped' | 'from'>,
): Early {
  return { judged: 'early', route, reason, row: requestReasons[reason], facts, framing, ...known }
}

function notFound(found: Exclude<ReturnType<Find>, { found: 'route' }>): Omit<Early, 'dropped' | 'from'> {
  const row = requestReasons[found.found]
  const headers = found.found === 'method-not-allowed' ? { headers: ['Allow', found.allow] } : {}
  return { judged: 'early', route: undefined, reason: found.found, row: { ...row, ...headers }, facts: {}, framing: 'sound' }
}
