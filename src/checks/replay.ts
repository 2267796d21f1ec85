import { z } from 'zod'
import { at, defineCheck, type Asked, type CheckTools } from '../core/check.ts'
import type { Signed } from '../core/delivery.ts'
import { duration } from '../core/fields.ts'
import { StoreUnavailable, storeReasons, type Claimed, type Committed, type Nonce } from '../core/nonce.ts'
import type { SchemeFacts } from '../core/signing.ts'
import type { Instant, Milliseconds } from '../core/units.ts'
import { pass, refuse, type Facts, type Refuse, type Verdict } from '../core/verdict.ts'
import { digestInto } from '../schemes/algorithms/digest.ts'
import { schemeFacts } from '../schemes/scheme-facts.ts'
import { documentOf, type SignatureSettings } from '../schemes/settings.ts'

/**
 * Is this the first time that this delivery comes? Asked last, of what is authentic already: nothing is stored for
 * anything else. Whether the signed time is near enough is asked by the signature check.
 */
export const replay = defineCheck({
  key: 'replay',
  authenticates: false,
  schema: z.strictObject({
    window: duration.optional().describe("How far the signed time may be from now, either way; left out: the sender's own tolerance."),
    retain: duration.optional().describe('For how long an accepted delivery is remembered; left out: as long as the sender retries.'),
    onReplay: z.enum(['refuse', 'acknowledge']).optional()
      .describe('refuse: 409; acknowledge: the status of the first time, not forwarded. Left out: acknowledge where the sender repeats the same bytes.'),
  }),
  reasons: {
    replayed: { status: 409, title: 'This delivery was accepted before' },
    'in-flight': { status: 503, title: 'This delivery is under way already', retryAfter: 5 },
    ...storeReasons,
  },
  compile({ window, retain, onReplay }, tools): readonly Asked<ReplayReason>[] {
    const facts = findFacts(tools)
    if (facts === undefined) return []
    const past = facts.timestamped ? window ?? facts.window?.past : undefined
    const kept = retain ?? facts.retain
    if (window !== undefined && !facts.timestamped) {
      tools.problem(['window'], 'this sender signs no time', 'leave window out; retain says how long a delivery is remembered')
    }
    if (kept === 0 && past === undefined) {
      tools.problem(['retain'], 'nothing would be remembered, for this sender signs no time', 'write for how long, such as 24h')
    }
    return [ask({ past, retain: kept, onReplay: onReplay ?? (facts.retries === 'repeat' ? 'acknowledge' : 'refuse') }, tools)]
  },
})

type ReplayReason = 'replayed' | 'in-flight' | 'store-unavailable'

interface Guard {
  /** How long after its signed time a delivery passes; undefined where no time is asked for. */
  readonly past: Milliseconds | undefined
  readonly retain: Milliseconds
  readonly onReplay: 'refuse' | 'acknowledge'
}

/** By how much the clocks of gateways may differ, or one of them step back, before a nonce is forgotten too early. */
const clockSkew: Milliseconds = 300_000

/** Undefined once a problem was reported, here or by the signature check. */
function findFacts(tools: CheckTools): SchemeFacts | undefined {
  const signature = tools.neighbour('signature') as SignatureSettings | undefined
  if (signature === undefined) {
    tools.problem([], 'nothing is signed here, so nothing tells one delivery from another', 'add `signature:`, or leave `replay:` out')
    return undefined
  }
  const document = documentOf(signature)
  return document && schemeFacts(document)
}

function ask(guard: Guard, { route, clock, lease, nonces }: CheckTools): Asked<ReplayReason> {
  const derive = compileNonce(route, guard.past)
  return at('replay', ({ signed }) => {
    const nonce = derive(signed)
    const until = Math.max(nonce.passesUntil ?? 0, clock.now() + guard.retain) + clockSkew
    try {
      const claimed = nonces.claim(nonce, lease)
      if (!(claimed instanceof Promise)) return judge(claimed, until, guard)
      return claimed.then((answer) => judge(answer, until, guard), unavailable)
    } catch (error) {
      return unavailable(error)
    }
  })
}

function judge(claimed: Claimed, until: Instant, { onReplay }: Guard): Verdict<ReplayReason> {
  const store: Facts = claimed.standIn === true ? { store: 'local' } : {}
  if (claimed.state === 'claimed') return pass(store, { claim: claimed, until })
  if (claimed.state === 'in-flight') return refuse('in-flight', store)
  const facts = { firstStatus: claimed.status, ...store }
  if (claimed.material === 'other') return answer(claimed, facts, 'duplicate', ['Sallyport-Duplicate', 'true'])
  return onReplay === 'refuse' ? refuse('replayed', facts) : answer(claimed, facts, 'replayed', [])
}

/** What the sender was told the first time, again; the receiver is not asked. */
function answer(
  { status }: Committed, facts: Facts, because: 'duplicate' | 'replayed', headers: readonly string[],
): Verdict<ReplayReason> {
  return pass(facts, { answer: { status, headers, body: new Uint8Array(), because } })
}

/** Only what the store says of itself; any other fault is `undecidable`. */
function unavailable(error: unknown): Refuse<ReplayReason> {
  if (error instanceof StoreUnavailable) return refuse('store-unavailable', { fault: error.message })
  throw error
}

/**
 * Signed material → nonce. The key is made of the route and the signed id, or of all the material where no id is signed:
 * never of the signature's bytes (they can be written in several ways), the secret that matched (a sender may sign with
 * several) or a header outside the signature.
 */
function compileNonce(route: string, past: Milliseconds | undefined): (signed: Signed) => Nonce {
  const name = Buffer.from(route, 'utf8')
  const length = Buffer.alloc(4)
  length.writeUInt32BE(name.length)
  const byId = Buffer.concat([length, name, Buffer.from('id:')])
  const byMaterial = Buffer.concat([length, name, Buffer.from('material:')])
  return ({ material, id, at: signedAt }) => {
    const print = sha256(material)
    // Sixteen bits a character, so that no two ids become the same bytes.
    const key = id === undefined || id === '' ? sha256([print], byMaterial) : sha256([Buffer.from(id, 'utf16le')], byId)
    return { key, print, passesUntil: signedAt === undefined || past === undefined ? undefined : signedAt + past }
  }
}

function sha256(parts: readonly Uint8Array[], before?: Uint8Array): Uint8Array {
  const digest = new Uint8Array(32)
  digestInto(digest, 0, 'sha256', parts, before)
  return digest
}
