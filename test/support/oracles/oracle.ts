import { createRequire } from 'node:module'

/**
 * The official libraries of senders, from `test/oracles/` (their own package, so that the project's install stays small).
 * They verify what senders sign for their users, so they are asked whether they agree with the presets.
 */
export const require = createRequire(new URL('../../oracles/package.json', import.meta.url))

/** One delivery as an SDK takes it. */
export interface Mail {
  readonly body: string
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  /** The secret or the public key, as the sender shows it. */
  readonly secret: string
  readonly url: string
}

export interface Oracle {
  /** The package and what of it is asked. */
  readonly by: string
  readonly accepts: (mail: Mail) => boolean | Promise<boolean>
  /** What the SDK signs: headers. */
  readonly signs?: (mail: Mail, at: number) => Promise<Readonly<Record<string, string>>> | Readonly<Record<string, string>>
  /** A body that the SDK takes for an event of the sender. */
  readonly body?: string
}

/** Most SDKs say no by throwing. */
export async function holds(run: () => unknown): Promise<boolean> {
  try {
    return await run() !== false
  } catch {
    return false
  }
}

/** Whatever their clients ask for before they verify anything. */
export const credentials = { apiKey: 'k', bearerToken: 'k', tokenId: 'k', tokenSecret: 'k', organizationID: 'k' }
