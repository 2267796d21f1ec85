import { compileForwarded, type SourceBehind } from '../addresses/forwarded-for.ts'
import { compileRanges } from '../addresses/ranges.ts'
import type { AddressTest } from '../core/check.ts'
import type { ListenerPlan } from '../core/plan.ts'

/** Who tells a listener the address of a sender. */
export interface SourceRules {
  /** Peers that must begin with a PROXY header; from any other peer such a header is no TLS, and fails as that. */
  readonly mustProxy: AddressTest
  /** Peers that write the sender's address into a header: nothing is known of it before the request. */
  readonly writesHeader: AddressTest
  readonly behind: SourceBehind
}

export function compileSource({ proxyProtocol, forwardedFor, forwarded }: ListenerPlan): SourceRules {
  const header = forwarded.length > 0 ? 'forwarded' : 'x-forwarded-for'
  const writesHeader = compileRanges(header === 'forwarded' ? forwarded : forwardedFor)
  return { mustProxy: compileRanges(proxyProtocol), writesHeader, behind: compileForwarded(header, writesHeader) }
}
