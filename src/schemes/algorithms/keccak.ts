import { keccak_256 } from '@noble/hashes/sha3.js'
import { secretPart, type SecretAlgorithm } from './algorithm.ts'

/** Keccak-256 as Ethereum has it, with the padding from before SHA-3: OpenSSL 3.0 does not know it. The secret is part of the message. */
export const keccak: SecretAlgorithm = {
  name: 'hash-keccak256',
  keys: 'secret',
  length: 32,
  digest: (message, key, encoding) => {
    const hash = keccak_256.create()
    for (const part of message) {
      if (typeof part === 'string') hash.update(Buffer.from(part, 'latin1'))
      else hash.update(part === secretPart ? key.export() : part)
    }
    return Buffer.from(hash.digest()).toString(encoding)
  },
}
