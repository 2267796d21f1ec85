/**
 * Secrets that a sender hands over by itself (Asana's `X-Hook-Secret`), kept where the nonces are: they outlive a restart,
 * and everyone who shares the store has them. A name is written once: what was handed over first stands, so that a second
 * handshake cannot take its place. Both throw `StoreUnavailable` where the store cannot know.
 */
export interface KeptSecrets {
  /** Undefined: nothing was kept under this name. */
  readonly read: (name: string) => Uint8Array | undefined | Promise<Uint8Array | undefined>
  /** Resolves once it outlives a kill -9; false where another secret has this name. The same one again is kept already. */
  readonly keep: (name: string, secret: Uint8Array) => boolean | Promise<boolean>
}
