import { z } from 'zod'
import { refuse, type Verdict } from '../../core/verdict.ts'
import type { SecretAlgorithm } from '../algorithms/algorithm.ts'
import { algorithm } from '../algorithms/index.ts'
import { bytesOf } from '../encoding.ts'
import { onlyValue, parsePairs } from '../form.ts'
import { compileProof } from '../proof.ts'
import type { Verifiable } from '../reading.ts'
import type { PreparedKey } from '../scheme-keys.ts'
import type { SignatureReason } from '../scheme.ts'
import { formatTime, parseTime } from '../time-text.ts'
import { defineVerifier, headerOf, malformedAt, ownSecret, proven, secretsFor, type Watch } from './verifier.ts'

const settings = z.strictObject({
  kind: z.literal('mercado-pago').describe('Mercado Pago: HMAC-SHA256 over an id of the query, a request id and a time; the body is not signed.'),
})

const hmac = algorithm('hmac-sha256') as SecretAlgorithm
const proves = compileProof(hmac, 'hex')

/** Did Mercado Pago sign this notice? It covers which resource changed, and nothing of the body. */
export const mercadoPago = defineVerifier({
  settings,
  headers: () => ['x-signature', 'x-request-id'],
  facts: () => ({ timestamped: true, window: undefined, signsId: false }),
  compile(_, tools) {
    const keys = secretsFor(tools)
    return keys && ((delivery) => verify(keys, delivery, tools.watch))
  },
  sign(_, tools) {
    const key = ownSecret(tools)
    return key && ((unsigned) => {
      const ts = formatTime(unsigned.at, 'seconds')
      const id = onlyValue(parsePairs(unsigned.query ?? '') ?? [], 'data.id')
      const message = signedText(typeof id === 'string' ? id : undefined, unsigned.id, ts)
      const signature = hmac.digest([message], key, 'hex')
      return {
        headers: ['X-Request-Id', unsigned.id, 'X-Signature', `ts=${ts},v1=${signature}`], query: undefined,
        marks: { signature, time: { signed: ts, later: formatTime(unsigned.at + 1_000, 'seconds') } },
      }
    })
  },
})

function verify(keys: readonly PreparedKey[], delivery: Verifiable, watch?: Watch): Verdict<SignatureReason> {
  const written = headerOf(delivery, 'x-signature')
  if (typeof written !== 'string') return written
  const found = /^ts=([0-9]{10,13}), ?v1=([0-9a-f]{64})$/.exec(written)
  const [, ts = '', signature = ''] = found ?? []
  // Seconds or milliseconds, by product: thirteen digits are the year 2001 in one and 33658 in the other.
  const at = parseTime(ts, ts.length === 13 ? 'milliseconds' : 'seconds')
  if (at === undefined) return malformedAt('header x-signature', 'is not ts=…,v1=…')
  const requestId = delivery.headers.one('x-request-id')
  const pairs = parsePairs(delivery.query ?? '')
  const id = pairs && onlyValue(pairs, 'data.id')
  if (pairs === undefined || typeof id === 'object' || typeof requestId === 'object') return malformedAt('query or header x-request-id', 'is ambiguous')
  const message = signedText(id, requestId, ts)
  watch?.signed({ where: 'header x-signature', algorithm: hmac.name, spelling: 'hex', texts: [signature], message: [message], timestamp: ts, keys })
  const key = keys.find(({ object }) => proves([message], object, [signature]))
  if (key === undefined) return refuse('signature-mismatch', { keys: keys.length })
  return proven({ material: [bytesOf(message)], at, id: undefined, key: key.reference })
}

function signedText(id: string | undefined, requestId: string | undefined, ts: string): string {
  return `${part('id', id?.toLowerCase())}${part('request-id', requestId)}${part('ts', ts)}`
}

/** A part that is absent is left out. */
function part(name: string, value: string | undefined): string {
  return value === undefined ? '' : `${name}:${value};`
}
