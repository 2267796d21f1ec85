import { createHash } from 'node:crypto'
import { parsePairs, type Pair } from '../form.ts'
import type { Verifiable } from '../reading.ts'
import { escapeBytes } from '../sign.ts'

type Target = Pick<Verifiable, 'method' | 'path' | 'query'>

/**
 * SHA-256, in hex, of the canonical form of method, path and query that Atlassian Connect puts into the claim `qsh`: the method,
 * the path below the app's base path, and the parameters but for `jwt`, sorted, each name once with its values behind commas
 * (https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/, "Creating a query string hash").
 * Undefined where the path is not below the base path, or the query is not well formed.
 */
export function queryHash({ method, path, query }: Target, basePath: string): string | undefined {
  const below = pathBelow(path, basePath)
  const pairs = parsePairs(query ?? '')
  if (below === undefined || pairs === undefined) return undefined
  return createHash('sha256').update(`${method.toUpperCase()}&${below}&${canonicalQuery(pairs)}`, 'latin1').digest('hex')
}

/** Without the slash at its end; an ampersand is escaped, so that a path cannot be read as a path and a query. */
function pathBelow(path: string, basePath: string): string | undefined {
  const base = basePath.endsWith('/') ? basePath.slice(0, -1) : basePath
  if (path !== base && !path.startsWith(`${base}/`)) return undefined
  const below = path.slice(base.length)
  const trimmed = below.endsWith('/') ? below.slice(0, -1) : below
  return trimmed === '' ? '/' : trimmed.split('&').join('%26')
}

function canonicalQuery(pairs: readonly Pair[]): string {
  const values = new Map<string, string[]>()
  for (const [name, value] of pairs) {
    if (name === 'jwt') continue
    const escaped = escapeBytes(name)
    const known = values.get(escaped)
    if (known === undefined) values.set(escaped, [escapeBytes(value)])
    else known.push(escapeBytes(value))
  }
  const names = [...values.keys()].sort(byBytes)
  return names.map((name) => `${name}=${(values.get(name) ?? []).sort(byBytes).join(',')}`).join('&')
}

function byBytes(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}
