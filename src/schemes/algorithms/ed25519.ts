import { sign, verify } from 'node:crypto'
import { withoutSecret, type Algorithm } from './algorithm.ts'

/** Ed25519 (RFC 8032). It hashes the message twice, so that this is the one family that needs it in one piece. */
export const ed25519: Algorithm = {
  name: 'ed25519',
  keys: 'public',
  length: 64,
  unfit: (key) => (key.asymmetricKeyType === 'ed25519' ? undefined : 'is no Ed25519 key'),
  proves: (message, key, candidates) => {
    const whole = Buffer.concat(withoutSecret(message))
    return candidates.some((candidate) => verify(null, whole, key, candidate))
  },
  sign: (message, key) => sign(null, Buffer.concat(withoutSecret(message)), key),
}
