import { createHash } from 'node:crypto'
import { z } from 'zod'
import { at, defineCheck, type CheckTools } from '../core/check.ts'
import type { Head } from '../core/delivery.ts'
import { pass, refuse, type Facts } from '../core/verdict.ts'
import { sameBytes } from '../schemes/compare.ts'
import { compileJwt, type JwtCheck } from '../tokens/jwt.ts'
import { google, googleToken, jwt } from '../tokens/settings.ts'

/** A static token: its name, and the hash of what it is, so that every comparison takes the same time. */
interface Token { readonly name: string; readonly hash: Uint8Array }

const challenge = ['WWW-Authenticate', 'Bearer realm="Sallyport"']
const invalidChallenge = ['WWW-Authenticate', 'Bearer realm="Sallyport", error="invalid_token"']

/** Does the sender hold one of these tokens: a static one, or one that an issuer whom we trust signed (RFC 6750, RFC 7519)? */
export const bearer = defineCheck({
  key: 'bearer',
  authenticates: true,
  schema: z.strictObject({
    tokens: z.record(z.string().min(1), z.string()).default({})
      .describe('Static tokens: a name for the record, and a reference to the token.'),
    jwt: jwt.optional().describe('Signed tokens of an issuer.'),
    google: google.optional().describe('Tokens that Google signs for push deliveries of one service account.'),
  }).refine(
    (settings) => Object.keys(settings.tokens).length > 0 || settings.jwt !== undefined || settings.google !== undefined,
    'name `tokens`, `jwt` or `google`',
  ),
  reasons: {
    'credentials-missing': { status: 401, title: 'Credentials are missing', headers: challenge },
    'credentials-invalid': { status: 401, title: 'The credentials are not valid', headers: invalidChallenge },
  },
  reads: () => ['authorization'],
  compile(settings, tools) {
    if (tools.neighbour('basic') !== undefined) {
      tools.problem([], '`basic` reads the same header', 'keep one of them, or make two routes')
    }
    const tokens = compileTokens(settings.tokens, tools)
    const issued = compileIssued(settings.jwt, settings.google, tools)
    return [
      at('credentials', (head) => {
        const token = readToken(head)
        if ('why' in token) return refuse(token.reason, { why: token.why })
        const found = findToken(tokens, token.text)
        if (found !== undefined) return pass({ token: found }, { sender: found })
        return issued.length === 0 ? refuse('credentials-invalid', { why: 'no such token' }) : judge(issued, token.text, head)
      }),
    ]
  },
})

function compileTokens(tokens: Readonly<Record<string, string>>, { secret, problem }: CheckTools): readonly Token[] {
  return Object.entries(tokens).flatMap(([name, reference]) => {
    const token = secret(reference, ['tokens', name])
    if (token === undefined) return []
    if (isToken(Buffer.from(token).toString('latin1'))) return [{ name, hash: hash(token) }]
    problem(['tokens', name], 'this can stand in no Authorization header', 'a token holds letters, digits and -._~+/ and may end in =')
    return []
  })
}

function compileIssued(
  own: z.output<typeof jwt> | undefined, push: z.output<typeof google> | undefined, tools: CheckTools,
): readonly JwtCheck[] {
  return [
    ...(own === undefined ? [] : [compileJwt(own, ['jwt'], tools)]),
    ...(push === undefined ? [] : [compileJwt(googleToken(push), ['google'], tools)]),
  ]
}

/** One issuer that vouches for the token is enough; what the last one said is what the record says. */
async function judge(issued: readonly JwtCheck[], token: string, head: Head) {
  let facts: Facts = {}
  for (const check of issued) {
    const judgement = await check(token, head)
    facts = judgement.facts
    if (judgement.vouched) return pass(facts, judgement.sender === undefined ? {} : { sender: judgement.sender })
  }
  return refuse('credentials-invalid', facts)
}

/** Asks them all: how long it takes does not tell which one it is. */
function findToken(tokens: readonly Token[], text: string): string | undefined {
  const given = hash(Buffer.from(text, 'latin1'))
  let found: string | undefined
  for (const token of tokens) if (sameBytes(token.hash, given)) found = token.name
  return found
}

interface Unread { readonly reason: 'credentials-missing' | 'credentials-invalid'; readonly why: string }

/** `Authorization: Bearer …`; never from the query or the body, where tokens get into logs. */
function readToken({ headers }: Head): { readonly text: string } | Unread {
  const value = headers.one('authorization')
  if (value === undefined) return { reason: 'credentials-missing', why: 'there is no Authorization header' }
  if (typeof value !== 'string') return { reason: 'credentials-invalid', why: 'there are several Authorization headers' }
  const text = /^bearer +(\S+)$/i.exec(value)?.[1]
  if (text !== undefined && isToken(text)) return { text }
  return { reason: 'credentials-invalid', why: 'the Authorization header is not of the Bearer scheme' }
}

/** `b64token` of RFC 6750 section 2.1. */
function isToken(text: string): boolean {
  return /^[A-Za-z0-9._~+/-]+=*$/.test(text)
}

function hash(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}
