import type { KeyObject } from 'node:crypto'
import type { Algorithm, DigestEncoding, Message, PublicAlgorithm, SecretAlgorithm } from './algorithms/algorithm.ts'
import { sameBytes, sameTexts } from './compare.ts'
import { bytesOf, decode, type Encoding } from './encoding.ts'

/** How a signature is spelled: as bytes in some encoding, or as text as it is (tokens). */
export type Spelling = Encoding | 'text'

/** Does one of these texts prove the message? Never throws for what a sender wrote. */
export type Proves = (message: Message, key: KeyObject, texts: readonly string[]) => boolean

export function compileProof(algorithm: Algorithm, spelling: Spelling): Proves {
  return algorithm.keys === 'secret' ? proveBySecret(algorithm, spelling) : proveByPublicKey(algorithm, spelling)
}

/** The right text is made and compared: so that no other spelling of the same bytes passes. Hex may be in either case. */
function proveBySecret(algorithm: SecretAlgorithm, spelling: Spelling): Proves {
  const encoding: DigestEncoding = spelling === 'text' ? 'binary' : spelling
  const length = lengthOf(algorithm, spelling)
  const same = length === undefined ? sameText : sameTexts(length)
  return (message, key, texts) => {
    let right: string | undefined
    for (const text of texts) {
      if (text.length === 0 || (length !== undefined && text.length !== length)) continue
      right ??= algorithm.digest(message, key, encoding)
      if (same(text, right) || (spelling === 'hex' && hasCapitals(text) && same(text.toLowerCase(), right))) return true
    }
    return false
  }
}

/** For proofs of no fixed length. Characters beyond one byte are no bytes, and are not folded into some. */
function sameText(text: string, right: string): boolean {
  return sameBytes(bytesOf(text), bytesOf(right)) && text === right
}

function hasCapitals(text: string): boolean {
  return /[A-F]/.test(text)
}

function proveByPublicKey(algorithm: PublicAlgorithm, spelling: Spelling): Proves {
  return (message, key, texts) => texts.some((text) => {
    const signature = decodeSignature(algorithm, spelling, text)
    return signature !== undefined && algorithm.verify(message, key, signature)
  })
}

/** Undefined: not the one canonical spelling of a signature of this algorithm's length. */
export function decodeSignature({ length }: Algorithm, spelling: Spelling, text: string): Uint8Array | undefined {
  if (spelling === 'text') return text === '' ? undefined : bytesOf(text)
  const bytes = decode(text, spelling)
  return length === undefined || bytes?.length === length ? bytes : undefined
}

/** How long the text of a proof is; undefined where that is not fixed. */
function lengthOf({ length }: Algorithm, spelling: Spelling): number | undefined {
  return length === undefined || spelling === 'text' ? undefined : Buffer.alloc(length).toString(spelling).length
}

/** Makes a proof, spelled as the scheme spells it. */
export function spell(algorithm: Algorithm, spelling: Spelling, message: Message, key: KeyObject): string {
  const encoding: DigestEncoding = spelling === 'text' ? 'binary' : spelling
  return algorithm.keys === 'secret' ? algorithm.digest(message, key, encoding) : Buffer.from(algorithm.sign(message, key)).toString(encoding)
}
