import { escape } from 'node:querystring'
import { z } from 'zod'
import { duration } from '../../core/fields.ts'
import { refuse, type Refuse, type Verdict } from '../../core/verdict.ts'
import type { SecretAlgorithm } from '../algorithms/algorithm.ts'
import { algorithm } from '../algorithms/index.ts'
import { bytesOf } from '../encoding.ts'
import { compileProof } from '../proof.ts'
import type { Verifiable } from '../reading.ts'
import type { PreparedKey } from '../scheme-keys.ts'
import type { SignatureReason } from '../scheme.ts'
import { formatTime, parseTime } from '../time-text.ts'
import { defineVerifier, headerOf, malformedAt, ownSecret, proven, secretsFor, type Watch } from './verifier.ts'

const settings = z.strictObject({
  kind: z.literal('contentful').describe('Contentful: HMAC-SHA256 over method, path, a list of headers that a header names, and the body.'),
  past: duration.default(30_000).describe('How old the signed time may be.'),
  future: duration.default(30_000).describe('How far ahead it may be.'),
})

const hmac = algorithm('hmac-sha256') as SecretAlgorithm
const proves = compileProof(hmac, 'hex')
const [signatureName, listName, timeName] = ['x-contentful-signature', 'x-contentful-signed-headers', 'x-contentful-timestamp'] as const
const mostHeaders = 50

/** Did Contentful sign this method, path and body, with the headers that it lists? */
export const contentful = defineVerifier({
  settings,
  headers: () => [signatureName, listName, timeName],
  facts: ({ past, future }) => ({ timestamped: true, window: { past, future }, signsId: false }),
  compile(_, tools) {
    const keys = secretsFor(tools)
    return keys && ((delivery) => verify(keys, delivery, tools.watch))
  },
  sign(_, tools) {
    const key = ownSecret(tools)
    return key && ((unsigned) => {
      const time = formatTime(unsigned.at, 'milliseconds')
      const list = `${listName},${timeName}`
      const lines = `${listName}:${list};${timeName}:${time}`
      const signature = hmac.digest([`${unsigned.method}\n${spellPath(unsigned)}\n${lines}\n`, unsigned.body], key, 'hex')
      const headers = ['X-Contentful-Signature', signature, 'X-Contentful-Signed-Headers', list, 'X-Contentful-Timestamp', time]
      return { headers, query: undefined, marks: { signature, time: { signed: time, later: formatTime(unsigned.at + 1_000, 'milliseconds') } } }
    })
  },
})

function verify(keys: readonly PreparedKey[], delivery: Verifiable, watch?: Watch): Verdict<SignatureReason> {
  const signature = headerOf(delivery, signatureName)
  if (typeof signature !== 'string') return signature
  const list = headerOf(delivery, listName)
  if (typeof list !== 'string') return list
  const time = delivery.headers.one(timeName)
  if (time === undefined) return refuse('timestamp-missing', { where: `header ${timeName}` })
  const at = typeof time === 'string' ? parseTime(time, 'milliseconds') : undefined
  if (at === undefined) return refuse('timestamp-malformed', { where: `header ${timeName}` })
  const lines = signedHeaders(list, delivery)
  if (typeof lines !== 'string') return lines
  const head = `${delivery.method}\n${spellPath(delivery)}\n${lines}\n`
  watch?.signed({
    where: `header ${signatureName}`, algorithm: hmac.name, spelling: 'hex', texts: [signature], message: [head, delivery.body], timestamp: String(time), keys,
  })
  const key = keys.find(({ object }) => proves([head, delivery.body], object, [signature]))
  if (key !== undefined) return proven({ material: [bytesOf(head), delivery.body], at, id: undefined, key: key.reference })
  return /^[0-9a-fA-F]{64}$/.test(signature) ? refuse('signature-mismatch', { keys: keys.length }) : malformedAt(`header ${signatureName}`, 'is no digest')
}

/** `name:value;name:value`, sorted. The list must name itself and the time, or neither is signed. */
function signedHeaders(list: string, { headers }: Verifiable): string | Refuse<SignatureReason> {
  const names = list.split(',', mostHeaders + 1).map((name) => name.trim().toLowerCase()).sort()
  if (names.length > mostHeaders || new Set(names).size !== names.length) return malformedAt(`header ${listName}`, 'is too long, or names one twice')
  if (!names.includes(listName) || !names.includes(timeName)) return malformedAt(`header ${listName}`, 'does not name itself and the time')
  const values = names.map((name) => headers.one(name))
  if (!values.every((value) => typeof value === 'string')) return malformedAt(`header ${listName}`, 'names a header that is not there once')
  return names.map((name, at) => `${name}:${String(values[at]).trim()}`).join(';')
}

/** The query is escaped as one text, and then the whole once more: `?q=1&w=2` is signed as `?q%253D1%2526w%253D2`. */
function spellPath({ path, query }: Pick<Verifiable, 'path' | 'query'>): string {
  return encodeURI(query === undefined || query === '' ? path : `${path}?${escape(query)}`)
}
