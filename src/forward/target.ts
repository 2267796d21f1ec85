import type { Head } from '../core/delivery.ts'
import type { Route } from '../core/policy.ts'

/** The path that matched, byte for byte, or the route's own; a prefix in its place where both end in `/*`. */
export function targetFor({ path, query }: Pick<Head, 'path' | 'query'>, { match, forward }: Pick<Route, 'match' | 'forward'>): string {
  const search = query === undefined ? '' : `?${query}`
  if (forward.path === undefined) return path + search
  if (!forward.path.endsWith('/*')) return forward.path + search
  return forward.path.slice(0, -1) + path.slice(match.path.length - 1) + search
}
