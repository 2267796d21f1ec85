import { createHash } from 'node:crypto'
import { z } from 'zod'
import { at, defineCheck, type CheckTools } from '../core/check.ts'
import { mistake } from '../core/fields.ts'
import type { Headers } from '../core/headers.ts'
import { pass, refuse } from '../core/verdict.ts'
import { sameBytes } from '../schemes/compare.ts'

/** A user and a password, hashed together: every sender is compared against the same number of equally long bytes. */
interface User { readonly name: string; readonly credentials: Uint8Array }

/** RFC 7617 section 2: a colon would end the name. */
const users = z.record(z.string(), z.string()).superRefine((named, context) => {
  if (Object.keys(named).length === 0) context.addIssue(mistake('there is no user', 'name at least one'))
  for (const name of Object.keys(named)) {
    if (/^[^\p{Cc}:]+$/u.test(name)) continue
    context.addIssue({ ...mistake(`${JSON.stringify(name)} is no user name`, 'write a name without colon and control characters'), path: [name] })
  }
})
const challenge = ['WWW-Authenticate', 'Basic realm="Sallyport", charset="UTF-8"']

/** Does the sender know the password of one of these users (RFC 7617)? */
export const basic = defineCheck({
  key: 'basic',
  authenticates: true,
  schema: z.strictObject({
    users: users.describe('User names, each with a reference to its password: `file:/run/secrets/name` or `env:NAME`.'),
  }),
  reasons: {
    'credentials-missing': { status: 401, title: 'Credentials are missing', headers: challenge },
    'credentials-invalid': { status: 401, title: 'The credentials are not valid', headers: challenge },
  },
  reads: () => ['authorization'],
  compile(settings, tools) {
    const users = compileUsers(settings.users, tools)
    return [
      at('credentials', ({ headers }) => {
        const given = readCredentials(headers)
        if ('why' in given) return refuse(given.reason, { why: given.why })
        const user = findUser(users, given.credentials)
        return user === undefined ? refuse('credentials-invalid', { why: 'no user has this password' }) : pass({ user }, { sender: user })
      }),
    ]
  },
})

function compileUsers(users: Readonly<Record<string, string>>, { secret, problem }: CheckTools): readonly User[] {
  return Object.entries(users).flatMap(([name, reference]) => {
    const password = secret(reference, ['users', name])
    if (password === undefined) return []
    if (password.length > 0 && readText(password) !== undefined) return [{ name, credentials: hash(Buffer.concat([Buffer.from(`${name}:`), password])) }]
    problem(['users', name], 'the password is empty, no UTF-8, or holds control characters', 'write one line of text, without a line break')
    return []
  })
}

/** Asks them all, the right one included: how long it takes depends on how many there are, not on which it is. */
function findUser(users: readonly User[], credentials: Uint8Array): string | undefined {
  const given = hash(credentials)
  let found: string | undefined
  for (const user of users) if (sameBytes(user.credentials, given)) found = user.name
  return found
}

interface Unread { readonly reason: 'credentials-missing' | 'credentials-invalid'; readonly why: string }

/** `Authorization: Basic …` → the bytes `user:password`; read strictly, so that one pair has one spelling. */
function readCredentials(headers: Headers): { readonly credentials: Uint8Array } | Unread {
  const value = headers.one('authorization')
  if (value === undefined) return { reason: 'credentials-missing', why: 'there is no Authorization header' }
  if (typeof value !== 'string') return { reason: 'credentials-invalid', why: 'there are several Authorization headers' }
  const token = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(value)?.[1]
  if (token === undefined) return { reason: 'credentials-invalid', why: 'the Authorization header is not of the Basic scheme' }
  const credentials = Buffer.from(token, 'base64')
  if (credentials.toString('base64') !== token) return { reason: 'credentials-invalid', why: 'the credentials are not valid base64' }
  if (readText(credentials)?.includes(':') !== true) return { reason: 'credentials-invalid', why: 'the credentials are not user:password in UTF-8' }
  return { credentials }
}

/** UTF-8 without control characters, as RFC 7617 section 2 demands of both parts; undefined for anything else. */
function readText(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return /\p{Cc}/u.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

function hash(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}
