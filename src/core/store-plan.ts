import type { Milliseconds } from './units.ts'

/** What a configuration says of the nonce store: references resolved, files read, paths absolute. */
export interface StorePlan {
  /** `memory:` · `file:/absolute/path` · `redis://…` · `rediss://…` */
  readonly url: string
  /** Where the store is a server. Undefined: its default user, no password. */
  readonly user: string | undefined
  readonly password: string | undefined
  readonly tls: StoreTls
  /** The most that one question to a server may take. */
  readonly timeout: Milliseconds
  /** While the store does not answer: refuse what cannot be known, or let this process's own memory stand in. */
  readonly onFailure: 'refuse' | 'local'
}

/** PEM texts; undefined: the public authorities, no client certificate. */
export interface StoreTls {
  readonly ca: string | undefined
  readonly certificate: string | undefined
  readonly key: string | undefined
}

/** A store that needs no more than its address. */
export function plainStore(url: string): StorePlan {
  return { url, user: undefined, password: undefined, tls: { ca: undefined, certificate: undefined, key: undefined }, timeout: 250, onFailure: 'refuse' }
}
