import { secretPart, type SecretAlgorithm } from './algorithm.ts'
import { digestText } from './digest.ts'

const lengths = { sha1: 20, sha256: 32, sha512: 64 } as const

/**
 * A plain hash with the secret inside the message (`{secret}{body}`). Weaker than HMAC: where the secret comes first,
 * whoever saw one signature can sign a longer message (length extension). Some senders offer nothing else.
 */
export const hashes: readonly SecretAlgorithm[] = Object.entries(lengths).map(([name, length]) => ({
  name: `hash-${name}`,
  keys: 'secret',
  length,
  digest: (message, key, encoding) => digestText(name, message.map((part) => (part === secretPart ? key.export() : part)), encoding),
}))
