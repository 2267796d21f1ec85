import { createHmac, type KeyObject } from 'node:crypto'
import { sameBytes } from '../compare.ts'
import { secretPart, type Algorithm, type Message } from './algorithm.ts'

const lengths = { md5: 16, sha1: 20, sha256: 32, sha384: 48, sha512: 64 } as const

/** HMAC (RFC 2104) over each hash that a sender was seen to use. */
export const hmacs: readonly Algorithm[] = Object.entries(lengths).map(([hash, length]) => {
  const sign = (message: Message, key: KeyObject) => digest(hash, message, key)
  return {
    name: `hmac-${hash}`,
    keys: 'secret',
    length,
    unfit: () => undefined,
    proves: (message, key, candidates) => {
      const expected = sign(message, key)
      return candidates.some((candidate) => sameBytes(candidate, expected))
    },
    sign,
  }
})

function digest(hash: string, message: Message, key: KeyObject): Buffer {
  const hmac = createHmac(hash, key)
  for (const part of message) if (part !== secretPart) hmac.update(part)
  return hmac.digest()
}
