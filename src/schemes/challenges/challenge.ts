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
  readonly answer: (request: Head & Partial<Pick<Delivery, 'body'>>, own: ChallengeKeys) => Reply | 'no-challenge' | 'wrong'
}

/** What is known to us and the sender. */
export interface ChallengeKeys {
  readonly verifyToken: Uint8Array | undefined
  /** Lower case. */
  readonly origins: readonly string[]
  /** The first secret of the route's signature, where the answer is a MAC. */
  readonly secret: Uint8Array | undefined
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

/**
 * Is this text safe to be signed with the delivery key? Where a sender's challenge is answered with a MAC under the key
 * that signs deliveries, whoever may choose the text has a signing oracle; no delivery is made of these characters alone.
 */
export function isSignable(text: string | undefined): text is string {
  return text !== undefined && /^[A-Za-z0-9_-]{1,128}$/.test(text)
}

export function json(value: unknown): Reply {
  return { type: 'application/json', body: JSON.stringify(value) }
}
