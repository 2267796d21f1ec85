import { subjectOf, writeQuestion, type Subject } from './ocsp-question.ts'
import { judgeAnswer, skew, type Answer, type Disbelieved } from './ocsp-answer.ts'
import { nameOf } from './revocation.ts'
import type { CertificateLink, CertificateStatus, OcspRule, Revoked, StatusSource, StatusTally } from '../core/ocsp.ts'
import type { Clock, Exchange, Random } from '../core/ports.ts'
import type { Bytes, Instant, Milliseconds } from '../core/units.ts'

export interface StatusesParts {
  readonly clock: Clock
  readonly random: Random
  readonly exchange: Exchange
  /** The most certificates that are remembered. */
  readonly most?: number
}

/** RFC 9654 2.1: 32 bytes. */
const nonceLength = 32
const largest: Bytes = 64 * 1024
/** So long nobody is asked again who could not answer; and so long an answer holds that does not say until when. */
const pause: Milliseconds = 30_000

/** What is known of one certificate from one responder. */
interface Known {
  held: { readonly status: CertificateStatus; readonly at: Instant; readonly thisUpdate: Instant; readonly until: Instant } | undefined
  /** The last question failed; monotonic, until when its answer stands. */
  failed: { readonly status: CertificateStatus; readonly until: Milliseconds } | undefined
  asking: Promise<CertificateStatus> | undefined
}

interface Question { readonly link: CertificateLink; readonly subject: Subject; readonly responder: string; readonly rule: OcspRule }

/**
 * Asks responders, and remembers what they said until it is old: one question under way for each certificate, the next
 * one behind our back once half the time is over. A failure is remembered for half a minute, so that a dead responder
 * costs one delivery its time-out, not each of them.
 */
export class Statuses implements StatusSource {
  readonly #parts: StatusesParts
  readonly #known = new Map<string, Known>()
  readonly #answers = new Map<string, number>()
  #reused = 0
  #revoked: Revoked = () => {}

  constructor(parts: StatusesParts) {
    this.#parts = parts
  }

  readonly ask = (link: CertificateLink, rule: OcspRule): CertificateStatus | Promise<CertificateStatus> => {
    const subject = readable(link)
    if (subject === undefined) return { status: 'unknown', facts: { ocsp: 'unreadable-certificate' } }
    const responder = rule.responder ?? subject.responder
    if (responder === undefined) return { status: 'unknown', facts: { ocsp: 'no-responder', authority: nameOf(subject.issuer) } }
    const key = `${rule.nonce} ${subject.key} ${responder}`
    const known = this.#known.get(key) ?? this.#remember(key)
    const question: Question = { link, subject, responder, rule }
    const current = this.#current(known, () => this.#question(known, question))
    if (current === undefined) return known.asking ?? this.#question(known, question)
    this.#reused++
    return current
  }

  readonly tally = (): StatusTally => ({ answers: this.#answers, reused: this.#reused })

  readonly watch = (revoked: Revoked): void => { this.#revoked = revoked }

  /** What still holds, if anything does; asks for the next answer in good time. */
  #current({ held, failed, asking }: Known, renew: () => void): CertificateStatus | undefined {
    const { clock } = this.#parts
    const now = clock.now()
    const pausing = failed !== undefined && clock.monotonic() < failed.until
    // A clock that was set back makes nothing young again.
    if (held === undefined || now >= held.until || now < held.at - skew) return pausing ? failed.status : undefined
    if (now - held.at > (held.until - held.at) / 2 && !pausing && asking === undefined) renew()
    return held.status
  }

  #question(known: Known, { link, subject, responder, rule }: Question): Promise<CertificateStatus> {
    known.asking = this.#exchange(subject, responder, rule).then((said) => {
      known.asking = undefined
      const outcome = said.status === 'disbelieved' ? said.facts.ocsp : said.status
      this.#answers.set(outcome, (this.#answers.get(outcome) ?? 0) + 1)
      const facts = { ...said.facts, responder, authority: nameOf(subject.issuer) }
      const status = said.status === 'disbelieved' ? this.#fail(known, facts) : this.#hold(known, said, { status: said.status, facts })
      if (status.status === 'revoked') this.#revoked(link)
      return status
    })
    return known.asking
  }

  /** Never rejects. */
  async #exchange(subject: Subject, url: string, { timeout, nonce: demand }: OcspRule): Promise<Answer | Disbelieved> {
    const { clock, random, exchange } = this.#parts
    const abort = new AbortController()
    const cancel = clock.after(timeout, () => abort.abort())
    try {
      const nonce = random.bytes(nonceLength)
      const post = { type: 'application/ocsp-request', body: writeQuestion(subject, nonce) }
      const bytes = await exchange({ url, post, cap: largest, signal: abort.signal })
      return judgeAnswer(bytes, { subject, nonce, demand }, clock.now())
    } catch (error) {
      const facts: Disbelieved['facts'] = abort.signal.aborted ? { ocsp: 'timed-out' } : { ocsp: 'unreachable', what: error instanceof Error ? error.message : String(error) }
      return { status: 'disbelieved', facts }
    } finally {
      cancel()
    }
  }

  /** Whoever was revoked stays it while nobody can be asked. */
  #fail(known: Known, facts: CertificateStatus['facts']): CertificateStatus {
    const before = known.held?.status
    const status = before?.status === 'revoked' ? before : { status: 'unknown', facts } as const
    known.failed = { status, until: this.#parts.clock.monotonic() + pause }
    return status
  }

  /** An answer that is older than the one that is held does not take its place: somebody plays an old one again. */
  #hold(known: Known, { thisUpdate, nextUpdate }: Answer, status: CertificateStatus): CertificateStatus {
    const at = this.#parts.clock.now()
    const { held } = known
    if (held !== undefined && at < held.until && thisUpdate < held.thisUpdate) return held.status
    known.failed = undefined
    // A responder that does not know a certificate yet may know it soon.
    const until = status.status === 'unknown' ? 0 : nextUpdate ?? 0
    known.held = { status, at, thisUpdate, until: Math.max(until, at + pause) }
    return status
  }

  #remember(key: string): Known {
    const known: Known = { held: undefined, failed: undefined, asking: undefined }
    this.#known.set(key, known)
    const [oldest] = this.#known.keys()
    if (this.#known.size > (this.#parts.most ?? 10_000) && oldest !== undefined) this.#known.delete(oldest)
    return known
  }
}

function readable(link: CertificateLink): Subject | undefined {
  try {
    return subjectOf(link)
  } catch {
    return undefined // it cannot be asked about what cannot be read
  }
}
