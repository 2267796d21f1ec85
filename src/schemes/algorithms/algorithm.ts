import type { KeyObject } from 'node:crypto'

/** One way to prove a message. A row of `algorithms`; handed out whole, so that nobody passes its name around. */
export interface Algorithm {
  readonly name: string
  /** `secret`: who can verify can sign · `public`: a public key verifies. Says which of `secrets` and `keys` is meant. */
  readonly keys: 'secret' | 'public'
  /** How many bytes a signature has; undefined where the key or the number decides. */
  readonly length: number | undefined
  /** Why this key cannot serve, in words for the operator; undefined where it can. */
  readonly unfit: (key: KeyObject) => string | undefined
  /** Does one of the candidates prove the message? Never throws for what a sender wrote. */
  readonly proves: (message: Message, key: KeyObject, candidates: readonly Uint8Array[]) => boolean
  /** The proof itself: by a secret, or by a private key. */
  readonly sign: (message: Message, key: KeyObject) => Uint8Array
}

/** What was signed, in parts, in order. The secret stands among them where a plain hash covers it. */
export type Message = readonly (Uint8Array | typeof secretPart)[]

/** Where the secret itself stands in a message. */
export const secretPart = Symbol('secret')

/** The parts but for the secret: what may be kept, shown and remembered. */
export function withoutSecret(message: Message): readonly Uint8Array[] {
  return message.filter((part): part is Uint8Array => part !== secretPart)
}
