import type { KeyObject } from 'node:crypto'
import type { Parts } from './digest.ts'

/** One way to prove a message. A row of `algorithms`; handed out whole, so that nobody passes its name around. */
export type Algorithm = SecretAlgorithm | PublicAlgorithm

/** Who can verify can sign: the keys are `secrets`. There is one right proof, and it is compared. */
export interface SecretAlgorithm {
  readonly name: string
  readonly keys: 'secret'
  /** How many bytes a proof has; undefined where the secret decides. */
  readonly length: number | undefined
  /** The right proof. As text, since Node hands out digests as text at less cost than as Buffers. */
  readonly digest: (message: Message, key: KeyObject, encoding: DigestEncoding) => string
}

/** A public key verifies: the keys are `keys`. There may be many right proofs. */
export interface PublicAlgorithm {
  readonly name: string
  readonly keys: 'public'
  /** How many bytes a signature has; undefined where the key or the number decides. */
  readonly length: number | undefined
  /** Why this key cannot serve, in words for the operator; undefined where it can. */
  readonly unfit: (key: KeyObject) => string | undefined
  /** Never throws for what a sender wrote. */
  readonly verify: (message: Message, key: KeyObject, signature: Uint8Array) => boolean
  readonly sign: (message: Message, key: KeyObject) => Uint8Array
}

/** `binary`: one character a byte. */
export type DigestEncoding = 'hex' | 'base64' | 'base64url' | 'binary'

/**
 * What was signed, in parts, in order: bytes, or text of one character a byte. The secret stands among them where a plain
 * hash covers it.
 */
export type Message = readonly Part[]
export type Part = Uint8Array | string | typeof secretPart

/** Where the secret itself stands in a message. */
export const secretPart = Symbol('secret')

/** The parts but for the secret. */
export function openParts(message: Message): Parts {
  return message.includes(secretPart) ? message.filter((part) => part !== secretPart) : message as Parts
}

/** The same as bytes: what may be kept, shown and remembered. Texts become bytes, and bytes stay where they are. */
export function withoutSecret(message: Message): readonly Uint8Array[] {
  return openParts(message).map(inBytes)
}

function inBytes(part: Uint8Array | string): Uint8Array {
  return typeof part === 'string' ? Buffer.from(part, 'latin1') : part
}
