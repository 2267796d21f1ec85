import type { Delivery, Head } from '../../core/delivery.ts'

/** What a sender asks before it trusts an address with deliveries, and what it wants to hear. */
export interface Challenge {
  /** Methods by which it comes, besides those of the route. */
  readonly methods: readonly string[]
  /**
   * When it is looked for. `head`: nothing but the head is needed, and it comes unsigned · `body`: it comes unsigned in the
   * body · `signed`: it is signed like a delivery, and answered only once that was verified.
   */
  readonly when: 'head' | 'body' | 'signed'
  /** What the operator has to write besides the preset. */
  readonly needs: 'verifyToken' | 'origins' | 'nothing'
  /** The sender hands its secret over in the handshake; deliveries are verified with it. */
  readonly handsOver?: 'secret'
  /** The answer is a MAC of the sender's token under the key that signs deliveries. */
  readonly signs?: 'token'
  readonly answer: (request: Head & Partial<Pick<Delivery, 'body'>>, own: ChallengeKeys) => Answered
}

export type Answered = Reply | 'no-challenge' | 'wrong' | Deed

/** An answer that takes more than a look: something is kept, or somebody asked. Not begun before the pace is kept. */
export interface Deed { readonly act: () => Promise<Reply | 'wrong'> }

/** What is known to us and the sender. */
export interface ChallengeKeys {
  readonly verifyToken: Uint8Array | undefined
  /** Lower case. */
  readonly origins: readonly string[]
  /** The first secret of the route's signature, where the answer is a MAC. */
  readonly secret: Uint8Array | undefined
  /** Keeps the secret that the sender hands over; false where another one is kept already. */
  readonly keep: (secret: Uint8Array) => Promise<boolean>
  /** One GET at a host of this list, whose answer is not looked at. Rejects where it is not a 200. */
  readonly confirm: (url: string, hosts: readonly string[]) => Promise<void>
}

/** 200, and this. */
export interface Reply {
  readonly type: 'text/plain' | 'application/json' | undefined
  readonly body: string
  /** Further header lines: name, value … */
  readonly headers?: readonly string[]
}

/** More than any sender's challenge holds. */
const longest = 1024

/** Text that may be handed back as `text/plain`: visible ASCII and blanks, not too long. */
export function echo(text: string | undefined): Reply | 'wrong' {
  return text !== undefined && text.length > 0 && text.length <= longest && /^[\x20-\x7e]+$/.test(text) ? { type: 'text/plain', body: text } : 'wrong'
}

export const longestToken = 128

/**
 * Is this text safe to be signed with the delivery key? Where a sender's challenge is answered with a MAC under the key
 * that signs deliveries, whoever may choose the text has a signing oracle.
 */
export function isSignable(text: string | undefined): text is string {
  // `true` and `12` are JSON as well as tokens: the challenge check takes no delivery that is one.
  return text !== undefined && text.length <= longestToken && /^[A-Za-z0-9_-]+$/.test(text)
}

export function json(value: unknown): Reply {
  return { type: 'application/json', body: JSON.stringify(value) }
}
