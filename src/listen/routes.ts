import { parseHostPattern, wildcardOf } from '../core/host.ts'
import type { Match, Route } from '../core/policy.ts'
import { inspectTarget } from './target.ts'

/**
 * Which route takes a request? The most specific one, whatever the order of the list:
 *
 * 1. an exact host before a wildcard host before no host at all;
 * 2. there, an exact path before a longer prefix before a shorter one.
 *
 * Host and path alone choose; then the method must be one of theirs. A method never leads on to a less specific route:
 * what a strict route does not take, a lax one behind it must not take either.
 */

export type Find = (host: string, path: string, method: string) => Found
export type Found =
  | { readonly found: 'route'; readonly route: Route }
  | { readonly found: 'no-route' }
  /** `allow` is the value of the `Allow` header (RFC 9110 §10.2.1). */
  | { readonly found: 'method-not-allowed'; readonly allow: string }

/** Host, path and method as the guard gives them: canonical host, path byte for byte. */
export function compileRoutes(routes: readonly Route[]): Find {
  const table = new HostTable()
  for (const route of routes) for (const host of patterns(route.match)) table.pathsFor(host).add(route)
  return (host, path, method) => {
    const methods = table.find(host, path)
    return methods === undefined ? nothing : methods.get(method) ?? methods.otherwise
  }
}
const nothing: Found = { found: 'no-route' }

/** What an operator must mend before `compileRoutes` may be trusted: indexes into the list of routes. */
export type Ambiguity =
  /** Both would take the same requests, and none is more specific. */
  | { readonly kind: 'same'; readonly first: number; readonly second: number; readonly host: string | undefined; readonly path: string; readonly methods: readonly string[] }
  /** No request can ever get there: the guard refuses such paths and methods, or the host is none. */
  | { readonly kind: 'unreachable'; readonly route: number; readonly what: string }

/** Pairs of routes that could match equally, and routes that nothing reaches. Empty: every request has one answer. */
export function ambiguities(routes: readonly Route[]): readonly Ambiguity[] {
  return [...routes.flatMap(unreachable), ...routes.flatMap((second, at) => equals(routes.slice(0, at), second.match, at))]
}

function unreachable({ match }: Route, route: number): Ambiguity[] {
  const parts = match.path.endsWith('/*') ? match.path.slice(0, -1) : match.path
  const wrong = [
    ...(match.path.startsWith('/') && !parts.includes('*') && !parts.includes('?') && inspectTarget(parts) === undefined
      ? [] : [`path ${match.path}`]),
    ...(match.hosts ?? []).filter((host) => parseHostPattern(host) === undefined).map((host) => `host ${host}`),
    ...match.methods.filter((method) => method === 'CONNECT' || method === 'TRACE').map((method) => `method ${method}`),
  ]
  return wrong.map((what) => ({ kind: 'unreachable', route, what }))
}

function equals(before: readonly Route[], match: Match, second: number): Ambiguity[] {
  return before.flatMap((other, first) => {
    if (other.match.path !== match.path) return []
    const methods = match.methods.filter((method) => other.match.methods.includes(method))
    const taken = patterns(other.match)
    const host = patterns(match).find((pattern) => taken.includes(pattern))
    if (methods.length === 0 || host === undefined) return []
    return [{ kind: 'same', first, second, host: host === anyHost ? undefined : host, path: match.path, methods }]
  })
}

const anyHost = '*'

/** A host that is no pattern takes nothing; `ambiguities` reports it. */
function patterns({ hosts }: Match): readonly string[] {
  if (hosts === undefined) return [anyHost]
  return hosts.map(parseHostPattern).filter((pattern) => pattern !== undefined)
}

class HostTable {
  readonly #paths = new Map<string, PathTable>()
  /** Of the routes that name no host. */
  #any: PathTable | undefined

  pathsFor(pattern: string): PathTable {
    const paths = ensure(this.#paths, pattern, () => new PathTable())
    if (pattern === anyHost) this.#any = paths
    return paths
  }

  find(host: string, path: string): Methods | undefined {
    if (this.#paths.size === 1 && this.#any !== undefined) return this.#any.find(path)
    const wildcard = wildcardOf(host)
    return this.#paths.get(host)?.find(path)
      ?? (wildcard === undefined ? undefined : this.#paths.get(wildcard)?.find(path))
      ?? this.#any?.find(path)
  }
}

class PathTable {
  readonly #exact = new Map<string, Methods>()
  /** By the path up to and with the slash before the star. */
  readonly #prefixes = new Map<string, Methods>()

  add(route: Route): void {
    const { path } = route.match
    const prefix = path.endsWith('/*')
    const methods = prefix ? ensure(this.#prefixes, path.slice(0, -1), () => new Methods())
      : ensure(this.#exact, path, () => new Methods())
    methods.add(route)
  }

  find(path: string): Methods | undefined {
    const exact = this.#exact.get(path)
    if (exact !== undefined || this.#prefixes.size === 0) return exact
    for (let slash = path.lastIndexOf('/'); slash !== -1; slash = slash === 0 ? -1 : path.lastIndexOf('/', slash - 1)) {
      const methods = this.#prefixes.get(path.slice(0, slash + 1))
      if (methods !== undefined) return methods
    }
    return undefined
  }
}

/** The routes of one host and path, by method. The answers are made once. */
class Methods {
  readonly #routes = new Map<string, Found>()
  otherwise: Found = nothing

  add(route: Route): void {
    const found: Found = { found: 'route', route }
    for (const method of route.match.methods) if (!this.#routes.has(method)) this.#routes.set(method, found)
    this.otherwise = { found: 'method-not-allowed', allow: [...this.#routes.keys()].sort().join(', ') }
  }

  get(method: string): Found | undefined {
    return this.#routes.get(method)
  }
}

function ensure<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}
