import type { CheckTools } from '../core/check.ts'
import type { KeptSecrets } from '../core/kept.ts'
import { StoreUnavailable } from '../core/nonce.ts'
import { challenges } from '../schemes/challenges/index.ts'
import type { SchemeDocument } from '../schemes/document.ts'

/** What secret did the sender of this route hand over in its handshake? It is kept in the store, and never changes under its name. */
export interface HandedOver {
  /** Undefined: there was no handshake yet. Throws `StoreUnavailable`. */
  readonly read: () => Promise<Uint8Array | undefined>
  /** False where another secret is kept. Throws `StoreUnavailable`. */
  readonly keep: (secret: Uint8Array) => Promise<boolean>
}

/** Does this sender hand its secret over, and does the route take it? */
export function takesSecret(document: SchemeDocument, { neighbour }: CheckTools): boolean {
  return document.challenge !== undefined && challenges.get(document.challenge)?.handsOver === 'secret' && neighbour('challenge') !== undefined
}

/** The place of one route; another `pairing` is another place. */
export function handedOver({ route, nonces, neighbour }: CheckTools): HandedOver {
  const { pairing = '' } = (neighbour('challenge') ?? {}) as { readonly pairing?: string }
  const name = JSON.stringify([route, pairing])
  let known: Uint8Array | undefined
  const kept = (): KeptSecrets => {
    if (nonces.kept === undefined) throw new StoreUnavailable('this store keeps no secrets')
    return nonces.kept
  }
  return {
    read: async () => known ??= await kept().read(name),
    keep: async (secret) => await kept().keep(name, secret),
  }
}
