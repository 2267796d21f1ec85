import type { KeyObject } from 'node:crypto'
import type { Algorithm, Message } from './algorithms/algorithm.ts'
import { algorithm } from './algorithms/index.ts'
import { sameBytes } from './compare.ts'
import { bytesOf } from './encoding.ts'

/** The algorithms of RFC 9421 section 3.3, by their registered names, as rows of ours. */
export const httpAlgorithmNames = [
  'rsa-pss-sha512', 'rsa-v1_5-sha256', 'hmac-sha256', 'ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'ed25519',
] as const
export type HttpAlgorithmName = typeof httpAlgorithmNames[number]

const rows: Readonly<Record<HttpAlgorithmName, string>> = {
  'rsa-pss-sha512': 'rsa-pss-sha512',
  'rsa-v1_5-sha256': 'rsa-sha256',
  'hmac-sha256': 'hmac-sha256',
  'ecdsa-p256-sha256': 'ecdsa-p256-sha256-p1363',
  'ecdsa-p384-sha384': 'ecdsa-p384-sha384-p1363',
  ed25519: 'ed25519',
}

/** Does one of these algorithms, with a key that suits it, prove the message? The key decides, never the sender. */
export function provesByKey(names: readonly HttpAlgorithmName[], message: Message, key: KeyObject, signature: Uint8Array): boolean {
  return names.some((name) => {
    const row = algorithm(rows[name])
    return row !== undefined && suits(row, key) && proves(row, message, key, signature)
  })
}

function suits(row: Algorithm, key: KeyObject): boolean {
  if (row.keys === 'secret') return key.type === 'secret'
  return key.type === 'public' && row.unfit(key) === undefined
}

function proves(row: Algorithm, message: Message, key: KeyObject, signature: Uint8Array): boolean {
  if (row.keys === 'secret') return sameBytes(bytesOf(row.digest(message, key, 'binary')), signature)
  return row.verify(message, key, signature)
}

/** The first of these that the key can sign with, for whoever plays the sender. */
export function httpAlgorithmFor(names: readonly HttpAlgorithmName[], key: KeyObject): { readonly name: HttpAlgorithmName; readonly row: Algorithm } | undefined {
  for (const name of names) {
    const row = algorithm(rows[name])
    const fits = row?.keys === 'secret' ? key.type === 'secret' : key.type === 'private' && row?.unfit(key) === undefined
    if (row !== undefined && fits) return { name, row }
  }
  return undefined
}
