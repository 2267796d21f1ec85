import type { Headers } from '../core/headers.ts'
import type { Forward } from '../core/policy.ts'
import type { Facts } from '../core/verdict.ts'

/**
 * Does this request ask to go on in another protocol (RFC 9110 §7.8), and may it? What follows such a request is no HTTP any
 * more: a gateway that lets it through unseen (`h2c`) is a tunnel around every check. One protocol, named once, with GET
 * and HTTP/1.1, on a route that says so; everything else is refused.
 */

export interface UpgradeRefused { readonly reason: 'upgrade-not-allowed'; readonly facts: Facts; readonly framing: 'lost' }

export interface Asking {
  readonly method: string
  readonly version: string
}

export function upgradeFault({ method, version }: Asking, headers: Headers, { upgrade }: Pick<Forward, 'upgrade'>): UpgradeRefused | undefined {
  const asked = protocolAsked(headers)
  if (asked === undefined) return undefined
  if (upgrade.has(asked) && method === 'GET' && version === '1.1') return undefined
  return { reason: 'upgrade-not-allowed', facts: { asked }, framing: 'lost' }
}

/** In lower case; undefined where none is: an `Upgrade` that `Connection` does not name is another hop's, and is dropped like all of those. */
export function protocolAsked({ names, raw }: Headers): string | undefined {
  const at = names.indexOf('upgrade')
  if (at === -1 || !connectionNamesIt(names, raw)) return undefined
  const values = names.flatMap((name, where) => (name === 'upgrade' ? [raw[where * 2 + 1] as string] : []))
  return values.join(', ').toLowerCase()
}

function connectionNamesIt(names: readonly string[], raw: readonly string[]): boolean {
  return names.some((name, at) => name === 'connection' && (raw[at * 2 + 1] as string).toLowerCase().split(',').some((option) => option.trim() === 'upgrade'))
}
