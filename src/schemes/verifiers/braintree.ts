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
import { defineVerifier, malformedAt, ownSecret, proven, secretsFor, type Watch } from './verifier.ts'

const settings = z.strictObject({
  kind: z.literal('braintree').describe('Braintree: HMAC-SHA1 under the SHA-1 of the private key, over the form field bt_payload; signatures are named by public key.'),
})

const hmac = algorithm('hmac-sha1') as SecretAlgorithm
const proves = compileProof(hmac, 'hex')
const privateKeyForm = { form: 'text', hash: 'sha1', atLeast: 16 } as const
const mostSignatures = 16

/** Did Braintree sign this payload with one of our key pairs? */
export const braintree = defineVerifier({
  settings,
  headers: () => [],
  facts: () => ({ timestamped: false, window: undefined, signsId: false }),
  compile(_, tools) {
    const keys = secretsFor(tools, privateKeyForm)
    for (const { id, path } of tools.keys.secrets) {
      if (id === undefined) tools.report({ path, what: 'a private key needs its public key beside it', mend: 'write { id: PUBLIC_KEY, secret: … }' })
    }
    return keys?.every(({ id }) => id !== undefined) === true ? (delivery) => verify(keys, delivery, tools.watch) : undefined
  },
  sign(_, tools) {
    const key = ownSecret(tools, privateKeyForm)
    return key && ((unsigned) => {
      const payload = `${Buffer.from(unsigned.body).toString('base64')}\n`
      const signature = hmac.digest([payload], key, 'hex')
      const form = new URLSearchParams({ bt_signature: `${unsigned.keyId ?? 'public_key'}|${signature}`, bt_payload: payload })
      return { headers: [], query: undefined, body: Buffer.from(form.toString()), marks: { signature } }
    })
  },
})

function verify(keys: readonly PreparedKey[], delivery: Verifiable, watch?: Watch): Verdict<SignatureReason> {
  const pairs = new Reading(delivery, newTree()).form()
  if (pairs === undefined) return malformedAt('form', 'is not well formed')
  const [signatures, payload] = [onlyValue(pairs, 'bt_signature'), onlyValue(pairs, 'bt_payload')]
  if (signatures === undefined || signatures === '') return refuse('signature-missing', { where: 'form field bt_signature' })
  if (typeof signatures !== 'string' || typeof payload !== 'string') return malformedAt('form', 'lacks bt_payload, or holds a field twice')
  const named = signatures.split('&', mostSignatures + 1).map((one) => one.split('|')).filter((one) => one.length === 2)
  if (named.length === 0 || named.length > mostSignatures) return malformedAt('form field bt_signature', 'is not public key|signature')
  watch?.signed({
    where: 'form field bt_signature', algorithm: hmac.name, spelling: 'hex', texts: named.map(([, signature = '']) => signature), message: [payload],
    keys: keys.filter(({ id }) => named.some(([name]) => name === id)),
  })
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
