import { z } from 'zod'
import { refuse, type Verdict } from '../../core/verdict.ts'
import type { SecretAlgorithm } from '../algorithms/algorithm.ts'
import { algorithm } from '../algorithms/index.ts'
import { bytesOf } from '../encoding.ts'
import { onlyValue } from '../form.ts'
import { newTree } from '../json.ts'
import { compileProof } from '../proof.ts'
import { Reading, type Verifiable } from '../reading.ts'
import type { PreparedKey } from '../scheme-keys.ts'
import type { SignatureReason } from '../scheme.ts'
import { defineVerifier, malformedAt, proven, secretsFor } from './verifier.ts'

const settings = z.strictObject({
  kind: z.literal('braintree').describe('Braintree: HMAC-SHA1 under the SHA-1 of the private key, over the form field bt_payload; signatures are named by public key.'),
})

const proves = compileProof(algorithm('hmac-sha1') as SecretAlgorithm, 'hex')
const mostSignatures = 16

/** Did Braintree sign this payload with one of our key pairs? */
export const braintree = defineVerifier({
  settings,
  headers: () => [],
  facts: () => ({ timestamped: false, window: undefined, signsId: false }),
  compile(_, tools) {
    const keys = secretsFor(tools, { form: 'text', hash: 'sha1', atLeast: 16 })
    for (const { id, path } of tools.keys.secrets) {
      if (id === undefined) tools.report({ path, what: 'a private key needs its public key beside it', mend: 'write { id: PUBLIC_KEY, secret: … }' })
    }
    return keys?.every(({ id }) => id !== undefined) === true ? (delivery) => verify(keys, delivery) : undefined
  },
})

function verify(keys: readonly PreparedKey[], delivery: Verifiable): Verdict<SignatureReason> {
  const pairs = new Reading(delivery, newTree()).form()
  if (pairs === undefined) return malformedAt('form', 'is not well formed')
  const [signatures, payload] = [onlyValue(pairs, 'bt_signature'), onlyValue(pairs, 'bt_payload')]
  if (signatures === undefined || signatures === '') return refuse('signature-missing', { where: 'form field bt_signature' })
  if (typeof signatures !== 'string' || typeof payload !== 'string') return malformedAt('form', 'lacks bt_payload, or holds a field twice')
  const named = signatures.split('&', mostSignatures + 1).map((one) => one.split('|')).filter((one) => one.length === 2)
  if (named.length === 0 || named.length > mostSignatures) return malformedAt('form field bt_signature', 'is not public key|signature')
  let asked = 0
  for (const [id, signature = ''] of named) {
    for (const key of keys.filter((one) => one.id === id)) {
      asked += 1
      // Braintree's library takes both: the field may have lost its last line feed.
      const message = [payload, `${payload}\n`].find((text) => proves([text], key.object, [signature]))
      if (message !== undefined) return proven({ material: [bytesOf(payload)], at: undefined, id: undefined, key: key.reference })
    }
  }
  return asked === 0 ? refuse('key-unknown') : refuse('signature-mismatch', { keys: asked })
}
