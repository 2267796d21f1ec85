import type { Question } from './check.ts'
import { stages, type Head, type Signed, type Stage } from './delivery.ts'
import type { Claim } from './nonce.ts'
import type { Clock } from './ports.ts'
import type { Instant, Milliseconds } from './units.ts'
import { refuse, type Answer, type Facts, type ReasonRow, type Refuse, type Verdict } from './verdict.ts'

/** What came of a delivery's questions, and every verdict on the way. */
export interface Decision {
  readonly outcome: 'accepted' | 'refused'
  /** The first refusal; in observe mode the one that would have been. */
  readonly refusal: Refusal | undefined
  readonly trail: readonly Answered[]
  readonly body: Uint8Array | undefined
  readonly signed: Signed | undefined
  /** Who sent, as a check proved it. */
  readonly sender: string | undefined
  /** To be committed or released by whoever forwards. */
  readonly claim: Claim | undefined
  /** Until when a committed claim is kept. */
  readonly until: Instant
  /** Time spent in questions of the replay and acceptance stages, which ask the store. */
  readonly storeTime: Milliseconds
  /** Given instead of asking the receiver. */
  readonly answer: Answer | undefined
  /** What questions that passed want recorded. */
  readonly note: Facts | undefined
}

export interface Refusal extends ReasonRow { readonly reason: string; readonly facts: Facts; readonly stage: Stage | 'request' }

export interface Answered { readonly check: string; readonly stage: Stage; readonly verdict: Verdict | 'not-asked' }

export type Mode = 'enforce' | 'observe'

/** A check failed to answer: a fault of ours, never reported as the sender's. */
export const undecidable: ReasonRow = { status: 503, title: 'The gateway could not decide', retryAfter: 5 }

/** Cheap and decisive questions first: by stage, and within a stage in the order of the list. */
export function inOrder(questions: readonly Question[]): readonly Question[] {
  return stages.flatMap((stage) => questions.filter((question) => question.stage === stage))
}

/**
 * Asks a policy's questions about a delivery, in order. The first refusal is the answer; a throw is a refusal, too.
 * In observe mode a refusal is noted and the asking goes on; a question whose evidence is missing then is not asked.
 * Needs no socket: the gateway, `explain` and the tests call the same function.
 */
export function decide(
  head: Head, questions: readonly Question[], mode: Mode, clock: Pick<Clock, 'monotonic'>,
): Decision | Promise<Decision> {
  return new Asking(new Knowledge(head), questions, mode, clock).goOn()
}

/** One question after the other. What is answered at once is taken at once: a promise costs more than most questions do. */
class Asking {
  readonly #known: Knowledge
  readonly #questions: readonly Question[]
  readonly #mode: Mode
  readonly #clock: Pick<Clock, 'monotonic'>
  #next = 0

  constructor(known: Knowledge, questions: readonly Question[], mode: Mode, clock: Pick<Clock, 'monotonic'>) {
    this.#known = known
    this.#questions = questions
    this.#mode = mode
    this.#clock = clock
  }

  goOn(): Decision | Promise<Decision> {
    while (this.#next < this.#questions.length) {
      const question = this.#questions[this.#next++] as Question
      if (this.#mode === 'observe' && !this.#known.suffices(question.stage)) {
        this.#known.note(question, 'not-asked')
        continue
      }
      const started = asksStore(question) ? this.#clock.monotonic() : 0
      const verdict = askSafely(question, this.#known)
      if (verdict instanceof Promise) return verdict.then((later) => (this.#take(question, later, started) ? this.#end() : this.goOn()))
      if (this.#take(question, verdict, started)) break
    }
    return this.#end()
  }

  /** True where nothing more is to be asked. */
  #take(question: Question, verdict: Verdict, started: Milliseconds): boolean {
    const known = this.#known
    if (asksStore(question)) known.storeTime += this.#clock.monotonic() - started
    known.note(question, verdict)
    return (verdict.verdict === 'refuse' && this.#mode === 'enforce') || known.answer !== undefined
  }

  #end(): Decision | Promise<Decision> {
    const decision = this.#known.decision(this.#mode)
    if (decision.outcome === 'accepted' || decision.claim === undefined) return decision
    return letGo(decision.claim).then(() => decision)
  }
}

function asksStore({ stage }: Question): boolean {
  return stage === 'replay' || stage === 'acceptance'
}

/** Refused after its nonce was claimed: it may come again. Where the store is not told, the claim lapses with its lease. */
async function letGo(claim: Claim): Promise<void> {
  try {
    await claim.release()
  } catch {
    // Nothing was promised to anybody.
  }
}

function askSafely(question: Question, known: Knowledge): Verdict | Promise<Verdict> {
  try {
    const verdict = question.ask(known as never)
    return verdict instanceof Promise ? verdict.catch(failed) : verdict
  } catch (error) {
    return failed(error)
  }
}

/** Fail closed, and keep what failed for the log: never for the sender. */
function failed(error: unknown): Refuse {
  return refuse('undecidable', { fault: error instanceof Error ? `${error.name}: ${error.message}` : String(error) })
}

/** The one mutable thing of a delivery: what is known of it so far. */
class Knowledge implements Head {
  readonly id; readonly from; readonly at; readonly method; readonly host; readonly path; readonly query
  readonly headers; readonly certificate; readonly read
  body: Uint8Array | undefined
  signed: Signed | undefined
  sender: string | undefined
  claim: Claim | undefined
  until: Instant = 0
  storeTime: Milliseconds = 0
  answer: Answer | undefined
  #note: Facts | undefined
  readonly trail: Answered[] = []
  #refusal: Refusal | undefined

  constructor(head: Head) {
    this.id = head.id
    this.from = head.from
    this.at = head.at
    this.method = head.method
    this.host = head.host
    this.path = head.path
    this.query = head.query
    this.headers = head.headers
    this.certificate = head.certificate
    this.read = head.read
  }

  suffices(stage: Stage): boolean {
    if (stage === 'signature') return this.body !== undefined
    if (stage === 'time' || stage === 'replay') return this.signed !== undefined
    if (stage === 'acceptance') return this.#refusal === undefined
    return true
  }

  note(question: Question, verdict: Verdict | 'not-asked'): void {
    this.trail.push({ check: question.check, stage: question.stage, verdict })
    if (verdict === 'not-asked') return
    if (verdict.verdict === 'refuse') return this.#noteRefusal(question, verdict)
    const { gain } = verdict
    if (gain.body !== undefined) this.body = gain.body
    if (gain.signed !== undefined) this.signed = gain.signed
    this.sender ??= gain.sender
    if (gain.claim !== undefined) this.claim = gain.claim
    if (gain.until !== undefined) this.until = gain.until
    if (gain.answer !== undefined) this.answer = gain.answer
    if (gain.note !== undefined) this.#note = { ...this.#note, ...gain.note }
  }

  #noteRefusal(question: Question, { reason, facts, retryAfter }: Refuse): void {
    const row = Object.hasOwn(question.reasons, reason) ? question.reasons[reason] : undefined
    this.#refusal ??= {
      ...(row ?? undecidable), ...(retryAfter === undefined ? {} : { retryAfter }),
      reason: row === undefined ? 'undecidable' : reason, facts, stage: question.stage,
    }
  }

  decision(mode: Mode): Decision {
    const refused = this.#refusal !== undefined && mode === 'enforce'
    return {
      outcome: refused ? 'refused' : 'accepted', refusal: this.#refusal, trail: this.trail,
      body: this.body, signed: this.signed, sender: this.sender,
      claim: this.claim, until: this.until, storeTime: this.storeTime, answer: this.answer, note: this.#note,
    }
  }
}
