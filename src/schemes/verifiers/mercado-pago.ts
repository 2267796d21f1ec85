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
import { parseTime } from '../time-text.ts'
import { defineVerifier, headerOf, malformedAt, proven, secretsFor } from './verifier.ts'

const settings = z.strictObject({
  kind: z.literal('mercado-pago').describe('Mercado Pago: HMAC-SHA256 over an id of the query, a request id and a time; the body is not signed.'),
})

const proves = compileProof(algorithm('hmac-sha256') as SecretAlgorithm, 'hex')

/** Did Mercado Pago sign this notice? It covers which resource changed, and nothing of the body. */
export const mercadoPago = defineVerifier({
  settings,
  headers: () => ['x-signature', 'x-request-id'],
  facts: () => ({ timestamped: true, window: undefined, signsId: false }),
  compile(_, tools) {
    const keys = secretsFor(tools)
    return keys && ((delivery) => verify(keys, delivery))
  },
})

function verify(keys: readonly PreparedKey[], delivery: Verifiable): Verdict<SignatureReason> {
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
  const message = `${part('id', id?.toLowerCase())}${part('request-id', requestId)}${part('ts', ts)}`
  const key = keys.find(({ object }) => proves([message], object, [signature]))
  if (key === undefined) return refuse('signature-mismatch', { keys: keys.length })
  return proven({ material: [bytesOf(message)], at, id: undefined, key: key.reference })
}

/** A part that is absent is left out. */
function part(name: string, value: string | undefined): string {
  return value === undefined ? '' : `${name}:${value};`
}
