import { createHmac } from 'node:crypto'
import { secretPart, type SecretAlgorithm } from './algorithm.ts'

const lengths = { md5: 16, sha1: 20, sha256: 32, sha384: 48, sha512: 64 } as const

/** HMAC (RFC 2104) over each hash that a sender was seen to use. */
export const hmacs: readonly SecretAlgorithm[] = Object.entries(lengths).map(([hash, length]) => ({
  name: `hmac-${hash}`,
  keys: 'secret',
  length,
  digest: (message, key, encoding) => {
    const hmac = createHmac(hash, key)
    for (const part of message) {
      if (typeof part === 'string') hmac.update(part, 'latin1')
      else if (part !== secretPart) hmac.update(part)
    }
    return hmac.digest(encoding)
  },
}))
