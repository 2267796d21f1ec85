import type { Answered } from '../core/decide.ts'
import type { Facts } from '../core/verdict.ts'

/** Did this process's own memory stand in for the nonce store, and was a certificate pinned? Both are asked last. */
export function withNotes(facts: Facts, trail: readonly Answered[] = []): Facts {
  let noted = facts
  for (let at = Math.max(0, trail.length - 2); at < trail.length; at++) {
    const { verdict } = trail[at] as Answered
    if (verdict === 'not-asked') continue
    const { store, pinned } = verdict.facts as { readonly store?: string; readonly pinned?: string }
    if (store === 'local') noted = { ...noted, store }
    if (pinned !== undefined) noted = { ...noted, pinned }
  }
  return noted
}
