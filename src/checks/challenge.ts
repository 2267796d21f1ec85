import { z } from 'zod'
import { originOf } from '../addresses/origin.ts'
import { at, defineCheck, type Asked, type CheckTools } from '../core/check.ts'
import type { Delivery, Head } from '../core/delivery.ts'
import { StoreUnavailable, storeReasons } from '../core/nonce.ts'
import { Pace } from '../core/pace.ts'
import { pass, refuse, type Answer, type Verdict } from '../core/verdict.ts'
import { challenges } from '../schemes/challenges/index.ts'
import { isSignable, longestToken, type Challenge, type ChallengeKeys, type Reply } from '../schemes/challenges/challenge.ts'
import { allowedUrl, fetchLimits, httpsGet, KeyUnavailable } from '../schemes/fetched-keys.ts'
import { documentOf, type SignatureSettings } from '../schemes/settings.ts'
import { handedOver } from './handed-over.ts'

/** Is this the sender's handshake? It is answered here: nothing reaches the receiver, and no nonce is claimed. */
export const challenge = defineCheck({
  key: 'challenge',
  authenticates: false,
  schema: z.strictObject({
    verifyToken: z.string().optional().describe('The token that was given to the sender (Meta, WebSub; for Asana, in its URL: `?token=`): `env:NAME` or `file:PATH`.'),
    pairing: z.string().min(1).optional()
      .describe('A name for the secret that the sender hands over (Asana). The first one is kept for good; write another name to take a new one.'),
    origins: z.array(z.string().min(1)).min(1).optional().describe('Who may ask to deliver (CloudEvents): the values of `WebHook-Request-Origin`.'),
  }),
  reasons: {
    'challenge-refused': { status: 403, title: 'This handshake is not answered' },
    'method-not-allowed': { status: 405, title: 'This method is not served here' },
    'rate-limited': { status: 429, title: 'Too many handshakes', retryAfter: 60 },
    ...storeReasons,
  },
  compile(settings, tools): readonly Asked<ChallengeReason>[] {
    const row = challengeIn(tools.neighbour('signature'))
    if (row === undefined) {
      tools.problem([], 'the sender of this route has no handshake that the gateway answers', 'leave challenge out, or name the preset of a sender that has one')
      return []
    }
    return questions(row, readKeys(settings, row, tools), tools)
  },
  methods: (neighbour) => challengeIn(neighbour('signature'))?.methods ?? [],
})

type ChallengeReason = 'challenge-refused' | 'method-not-allowed' | 'rate-limited' | 'store-unavailable'

/** More than a sender asks, fewer than somebody needs who has answers made. */
const pace = { count: 30, per: 60_000 }

/** The handshake of the sender that the route's `signature:` names; undefined where it has none, or none that we answer. */
function challengeIn(signature: unknown): Challenge | undefined {
  const kind = signature === undefined ? undefined : documentOf(signature as SignatureSettings)?.challenge
  return kind && challenges.get(kind)
}

function readKeys(settings: { verifyToken?: string | undefined; origins?: string[] | undefined }, { needs }: Challenge, tools: CheckTools): ChallengeKeys {
  const { verifyToken, origins = [] } = settings
  if (needs === 'verifyToken' && verifyToken === undefined) tools.problem([], 'the handshake is answered to who knows a token', 'write verifyToken: env:NAME')
  if (needs === 'origins' && origins.length === 0) tools.problem([], 'nobody is named who may deliver', 'write origins: [eventgrid.azure.net]')
  const { secrets: [first] = [] } = tools.neighbour('signature') as SignatureSettings
  const reference = typeof first === 'object' ? first.secret : first
  return {
    verifyToken: verifyToken === undefined ? undefined : tools.secret(verifyToken, ['verifyToken']),
    origins: origins.map((origin) => origin.toLowerCase()),
    secret: reference === undefined ? undefined : tools.secret(reference, []),
    keep: handedOver(tools).keep,
    confirm: async (text, hosts) => {
      const url = allowedUrl(text, hosts)
      if (url === undefined) throw new KeyUnavailable('the URL is not one that may be confirmed')
      await (tools.get ?? httpsGet())(url, fetchLimits, tools.clock)
    },
  }
}

function questions(row: Challenge, keys: ChallengeKeys, { clock, ownMethods }: CheckTools): Asked<ChallengeReason>[] {
  const asked = new Pace(pace)
  const judge = (request: Head & Partial<Pick<Delivery, 'body'>>): Said | Promise<Said> | undefined => {
    const reply = row.answer(request, keys)
    if (reply === 'no-challenge') return undefined
    if (asked.take(originOf(request.from), clock.monotonic()) > 0) return refuse('rate-limited')
    return typeof reply === 'object' && 'act' in reply ? reply.act().then(say, unavailable) : say(reply)
  }
  /** A method that only handshakes have must not get a delivery in. */
  const own = (head: Head) => (ownMethods.includes(head.method) ? pass() : refuse('method-not-allowed' as const))
  const guard = row.signs === 'token' ? [at('signature', refuseTokens)] : []
  if (row.when === 'head') return [at('credentials', (head) => judge(head) ?? own(head)), ...guard]
  if (row.when === 'body') return [at('signature', (delivery) => judge(delivery) ?? pass())]
  // Listed before `replay`, so no nonce is claimed for it.
  return [...guard, at('replay', (delivery) => judge(delivery) ?? pass())]
}

/** A body that could be a token, too, may have been signed by us: for whoever asked. No sender's delivery looks like that. */
function refuseTokens({ body }: Delivery): Said {
  return isSignable(bytesAsText(body)) ? refuse('challenge-refused') : pass()
}

function bytesAsText(body: Uint8Array): string | undefined {
  return body.length > longestToken ? undefined : Buffer.from(body).toString('latin1')
}

type Said = Verdict<ChallengeReason>

function say(reply: Reply | 'wrong'): Said {
  return reply === 'wrong' ? refuse('challenge-refused') : pass({}, { answer: answerOf(reply) })
}

/** Only what the store says of itself; any other fault is `undecidable`, and the sender comes again. */
function unavailable(error: unknown): Said {
  if (error instanceof StoreUnavailable) return refuse('store-unavailable', { fault: error.message })
  throw error
}

function answerOf({ type, body, headers = [] }: Reply): Answer {
  const typed = type === undefined ? [] : ['Content-Type', type, 'X-Content-Type-Options', 'nosniff']
  return { status: 200, headers: [...typed, 'Cache-Control', 'no-store', ...headers], body: Buffer.from(body), because: 'challenge' }
}
