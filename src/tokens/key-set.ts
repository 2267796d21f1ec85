import type { JSONWebKeySet } from 'jose'
import type { CheckTools, KeyPath } from '../core/check.ts'
import type { Milliseconds } from '../core/units.ts'

/** An issuer's public keys as they stand. */
export interface KeySource {
  /** Undefined where there never were any. */
  readonly current: () => JSONWebKeySet | undefined
  /** Asks the issuer for newer ones; at most now and then, however often it is called. */
  readonly refresh: () => Promise<void>
}

/** Keys rotate within days; an unknown one is asked for at once. */
const every: Milliseconds = 3_600_000
/** More would make every token without a key id dear. */
const mostKeys = 64

/**
 * `https://…` or `file:PATH` → keys. The URL is the operator's alone: what a token says of keys (`kid`, `jku`, `x5u`, `jwk`)
 * is at most compared, never followed.
 */
export function compileKeySource(reference: string, path: KeyPath, { file, publish, problem }: CheckTools): KeySource | undefined {
  if (reference.startsWith('file:')) {
    const text = file(reference.slice('file:'.length), path)
    if (text === undefined) return undefined
    const keys = parseKeySet(text)
    if (!('fault' in keys)) return { current: () => keys.set, refresh: () => Promise.resolve() }
    problem(path, `the key set ${keys.fault}`, 'write a JWKS of public keys: { "keys": [...] }')
    return undefined
  }
  if (publish === undefined || !URL.canParse(reference)) {
    problem(path, `nothing can be fetched from ${JSON.stringify(reference)}`, 'write https://… or file:PATH')
    return undefined
  }
  const published = publish({ url: reference, every, objection: (text) => faultOf(parseKeySet(text)) })
  let seen: { readonly text: string; readonly set: JSONWebKeySet | undefined } | undefined
  return {
    refresh: published.refresh,
    current: () => {
      const text = published.text()
      if (text === undefined) return undefined
      if (seen?.text !== text) seen = { text, set: setOf(parseKeySet(text)) }
      return seen.set
    },
  }
}

type Parsed = { readonly set: JSONWebKeySet } | { readonly fault: string }

function faultOf(parsed: Parsed): string | undefined {
  return 'fault' in parsed ? parsed.fault : undefined
}

function setOf(parsed: Parsed): JSONWebKeySet | undefined {
  return 'set' in parsed ? parsed.set : undefined
}

/** RFC 7517 section 5. A set that holds a secret or a private key is refused whole: it should not be lying there. */
export function parseKeySet(text: string): Parsed {
  try {
    const json = JSON.parse(text) as JSONWebKeySet
    if (!Array.isArray(json.keys) || json.keys.length === 0) return { fault: 'holds no keys' }
    if (json.keys.length > mostKeys) return { fault: `holds more than ${mostKeys} keys` }
    if (!json.keys.every(isObject)) return { fault: 'holds something that is no key' }
    if (json.keys.some((key) => key.kty === 'oct' || 'd' in key || 'k' in key)) return { fault: 'holds a secret or private key' }
    return { set: json }
  } catch (error) {
    return { fault: `cannot be read: ${error instanceof Error ? error.message : String(error)}` }
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
