import { createHash, type KeyObject } from 'node:crypto'
import { sameBytes } from '../compare.ts'
import { secretPart, type Algorithm, type Message } from './algorithm.ts'

const lengths = { sha1: 20, sha256: 32, sha512: 64 } as const

/**
 * A plain hash with the secret inside the message (`{secret}{body}`). Weaker than HMAC: where the secret comes first,
 * whoever saw one signature can sign a longer message (length extension). Some senders offer nothing else.
 */
export const hashes: readonly Algorithm[] = Object.entries(lengths).map(([hash, length]) => {
  const sign = (message: Message, key: KeyObject) => digest(hash, message, key)
  return {
    name: `hash-${hash}`,
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

function digest(name: string, message: Message, key: KeyObject): Buffer {
  const hash = createHash(name)
  for (const part of message) hash.update(part === secretPart ? key.export() : part)
  return hash.digest()
}
