import type { Algorithm } from './algorithm.ts'
import { ecdsas } from './ecdsa.ts'
import { ed25519 } from './ed25519.ts'
import { hashes } from './hash.ts'
import { hmacs } from './hmac.ts'
import { keccak } from './keccak.ts'
import { rsas } from './rsa.ts'
import { token } from './token.ts'

/** Every algorithm that a scheme may name. A new family is one new file and one line here. */
export const algorithms: readonly Algorithm[] = [...hmacs, ...hashes, keccak, token, ...rsas, ...ecdsas, ed25519]

/** By name; undefined where there is none. The name always comes from a document of ours, never from a sender. */
export function algorithm(name: string): Algorithm | undefined {
  return algorithms.find((row) => row.name === name)
}
