import { sign, verify } from 'node:crypto'
import { withoutSecret, type PublicAlgorithm } from './algorithm.ts'

/** Ed25519 (RFC 8032). It hashes the message twice, so that this is the one family that needs it in one piece. */
export const ed25519: PublicAlgorithm = {
  name: 'ed25519',
  keys: 'public',
  length: 64,
  unfit: (key) => (key.asymmetricKeyType === 'ed25519' ? undefined : 'is no Ed25519 key'),
  verify: (message, key, signature) => verify(null, Buffer.concat(withoutSecret(message)), key, signature),
  sign: (message, key) => sign(null, Buffer.concat(withoutSecret(message)), key),
}
