import { z } from 'zod'
import { Headers } from '../../core/headers.ts'
import { refuse, type Verdict } from '../../core/verdict.ts'
import type { SecretAlgorithm } from '../algorithms/algorithm.ts'
import { algorithm } from '../algorithms/index.ts'
import { withoutBlanks } from '../blanks.ts'
import { bytesOf } from '../encoding.ts'
import { parsePairs, type Pair } from '../form.ts'
import { newTree } from '../json.ts'
import { compileProof, decodeSignature } from '../proof.ts'
import type { PublicUrl } from '../public-url.ts'
import { Reading, type Verifiable } from '../reading.ts'
import type { PreparedKey } from '../scheme-keys.ts'
import type { SignatureReason } from '../scheme.ts'
import { defineVerifier, headerOf, malformedAt, ownSecret, ownUrl, proven, secretsFor, urlFor, type Watch } from './verifier.ts'

const settings = z.strictObject({
  kind: z.literal('plivo-v3').describe('Plivo, third form: HMAC-SHA256 over the URL with its query sorted, the sorted form, and a nonce.'),
})

const hmac = algorithm('hmac-sha256') as SecretAlgorithm
const proves = compileProof(hmac, 'base64')
const [signatureName, nonceName] = ['x-plivo-signature-v3', 'x-plivo-signature-v3-nonce'] as const
const mostSignatures = 16

/** Did Plivo sign this URL, this form and this nonce? */
export const plivoV3 = defineVerifier({
  settings,
  headers: () => [signatureName, nonceName],
  facts: () => ({ timestamped: false, window: undefined, signsId: true }),
  compile(_, tools) {
    const [keys, url] = [secretsFor(tools), urlFor(tools)]
    return keys && url && ((delivery) => verify(keys, url, delivery, tools.watch))
  },
  sign(_, tools) {
    const [key, url] = [ownSecret(tools), ownUrl(tools)]
    return key && url && ((unsigned) => {
      const base = signedUrl(url, { ...unsigned, headers: new Headers(unsigned.headers) }) ?? ''
      const signature = hmac.digest([`${base}.${unsigned.id}`], key, 'base64')
      return { headers: ['X-Plivo-Signature-V3', signature, 'X-Plivo-Signature-V3-Nonce', unsigned.id], query: undefined, marks: { signature } }
    })
  },
})

function verify(keys: readonly PreparedKey[], url: PublicUrl, delivery: Verifiable, watch?: Watch): Verdict<SignatureReason> {
  const written = headerOf(delivery, signatureName)
  if (typeof written !== 'string') return written
  const nonce = delivery.headers.one(nonceName)
  const signatures = written.split(',', mostSignatures + 1).map(withoutBlanks)
  if (typeof nonce !== 'string' || nonce === '' || signatures.length > mostSignatures) return malformedAt(`header ${nonceName}`, 'is missing or repeated')
  const base = signedUrl(url, delivery)
  if (base === undefined) return malformedAt('query or form', 'is not well formed')
  const message = `${base}.${nonce}`
  watch?.signed({ where: `header ${signatureName}`, algorithm: hmac.name, spelling: 'base64', texts: signatures, message: [message], id: nonce, keys })
  const key = keys.find(({ object }) => proves([message], object, signatures))
  if (key !== undefined) return proven({ material: [bytesOf(message)], at: undefined, id: nonce, key: key.reference })
  const readable = signatures.some((one) => decodeSignature(hmac, 'base64', one) !== undefined)
  return readable ? refuse('signature-mismatch', { keys: keys.length }) : malformedAt(`header ${signatureName}`, 'is not spelled as the scheme asks')
}

/** The query decoded and sorted, and behind it the form's names and values; what joins them depends on which is empty. */
function signedUrl(url: PublicUrl, delivery: Verifiable): string | undefined {
  const whole = url.whole(delivery.path, delivery.query)
  const form = delivery.method === 'POST' ? new Reading(delivery, newTree()).form() : []
  const mark = whole?.indexOf('?') ?? -1
  const query = mark === -1 ? [] : parsePairs(whole?.slice(mark + 1) ?? '')
  if (whole === undefined || form === undefined || query === undefined) return undefined
  const base = mark === -1 ? whole : whole.slice(0, mark)
  const sortedQuery = inOrder(query).map(([name, value]) => `${name}=${value}`).join('&')
  const sortedForm = inOrder(form).flat().join('')
  if (form.length === 0) return sortedQuery === '' ? base : `${base}?${sortedQuery}`
  return `${base}?${sortedQuery}${sortedQuery === '' ? '' : '.'}${sortedForm}`
}

function inOrder(pairs: readonly Pair[]): readonly Pair[] {
  return [...pairs].sort((one, other) => compare(one[0], other[0]) || compare(one[1], other[1]))
}

function compare(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}
