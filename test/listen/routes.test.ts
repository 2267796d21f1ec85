import fc from 'fast-check'
import t from 'tap'
import { hostMatches } from '../../src/core/host.ts'
import type { Match, Route } from '../../src/core/policy.ts'
import { ambiguities, compileRoutes } from '../../src/listen/routes.ts'

function route(name: string, path: string, { hosts, methods = ['POST'] }: Partial<Match> = {}): Route {
  const receiver = { name: 'none', timeout: 0, send: () => { throw new Error('nothing is sent here') }, close: async () => undefined }
  return { name, match: { hosts, path, methods }, mode: 'enforce', questions: [], reads: new Set(), forward: { receiver, path: undefined, certificate: [], stream: undefined, upgrade: new Set() } }
}

function answer(routes: readonly Route[], host: string, path: string, method: string): string {
  const found = compileRoutes(routes)(host, path, method)
  if (found.found === 'route') return found.route.name
  return found.found === 'no-route' ? 'no-route' : `allow ${found.allow}`
}

const routes = [
  route('any-root', '/*'),
  route('any-a', '/a'),
  route('any-under-a', '/a/*'),
  route('any-under-ab', '/a/b/*'),
  route('wild-a', '/a', { hosts: ['*.example.com'] }),
  route('wild-under-a', '/a/*', { hosts: ['*.Example.com.'] }),
  route('exact-a', '/a', { hosts: ['HOOKS.example.com', 'other.example'] }),
  route('exact-a-put', '/a', { hosts: ['hooks.example.com'], methods: ['PUT', 'GET'] }),
  route('encoded', '/%41', { hosts: ['paths.example'] }),
  route('plain', '/A', { hosts: ['paths.example'] }),
  route('slash', '/a/', { hosts: ['paths.example'] }),
]
const rows: [string, string, string, string][] = [
  ['x.example', '/', 'POST', 'any-root'],
  ['x.example', '/zzz', 'POST', 'any-root'],
  ['x.example', '/a', 'POST', 'any-a'],
  ['x.example', '/a/', 'POST', 'any-under-a'],
  ['x.example', '/a/c', 'POST', 'any-under-a'],
  ['x.example', '/a/b', 'POST', 'any-under-a'],
  ['x.example', '/a/b/', 'POST', 'any-under-ab'],
  ['x.example', '/a/b/c/d', 'POST', 'any-under-ab'],
  ['x.example', '/ab', 'POST', 'any-root'],
  ['x.example', '/A', 'POST', 'any-root'],
  ['w.example.com', '/a', 'POST', 'wild-a'],
  ['w.example.com', '/a/b/c', 'POST', 'wild-under-a'],
  ['w.example.com', '/b', 'POST', 'any-root'],
  ['v.w.example.com', '/a', 'POST', 'any-a'],
  ['example.com', '/a', 'POST', 'any-a'],
  ['hooks.example.com', '/a', 'POST', 'exact-a'],
  ['hooks.example.com', '/a', 'PUT', 'exact-a-put'],
  ['hooks.example.com', '/a', 'DELETE', 'allow GET, POST, PUT'],
  ['hooks.example.com', '/a/b', 'POST', 'wild-under-a'],
  ['other.example', '/a', 'PUT', 'allow POST'],
  ['paths.example', '/A', 'POST', 'plain'],
  ['paths.example', '/%41', 'POST', 'encoded'],
  ['paths.example', '/a/', 'POST', 'slash'],
  ['paths.example', '/a', 'post', 'allow POST'],
  ['x.example', '/a', '__proto__', 'allow POST'],
]
for (const [host, path, method, expected] of rows) t.equal(answer(routes, host, path, method), expected, `${method} ${host}${path}`)
t.equal(answer([route('only', '/a')], 'x', '/b', 'POST'), 'no-route')
t.equal(answer([], 'x', '/', 'POST'), 'no-route')
t.equal(answer([route('star host', '/a', { hosts: ['*'] })], 'x', '/a', 'POST'), 'no-route', 'a host that is none takes nothing')
t.strictSame(ambiguities(routes), [], 'none of these is ambiguous')

const mistakes: [string, Route[], object[]][] = [
  ['the same', [route('a', '/a'), route('b', '/a')], [{ kind: 'same', first: 0, second: 1, host: undefined, path: '/a', methods: ['POST'] }]],
  ['the same host, spelled apart', [route('a', '/a', { hosts: ['x', 'Y.'] }), route('b', '/a', { hosts: ['z', 'y'] })],
    [{ kind: 'same', host: 'y' }]],
  ['one method in common', [route('a', '/a', { methods: ['GET', 'PUT'] }), route('b', '/a', { methods: ['PUT', 'POST'] })],
    [{ kind: 'same', methods: ['PUT'] }]],
  ['each with each', [route('a', '/a'), route('b', '/a'), route('c', '/a')],
    [{ first: 0, second: 1 }, { first: 0, second: 2 }, { first: 1, second: 2 }]],
  ['path and prefix', [route('a', '/a/'), route('b', '/a/*')], []],
  ...['a', '', '*', '/a*', '/*/a', '/a/../b', '//', '//*', '/a;b', '/a?b', '/a#b', '/a%2fb', '/ü', '/a b'].map((path): [string, Route[], object[]] =>
    [`path ${path}`, [route('a', path)], [{ kind: 'unreachable', route: 0, what: `path ${path}` }]]),
  ['host with port', [route('a', '/a', { hosts: ['a:443'] })], [{ kind: 'unreachable', what: 'host a:443' }]],
  ['method', [route('a', '/a', { methods: ['TRACE', 'POST'] })], [{ kind: 'unreachable', what: 'method TRACE' }]],
]
for (const [name, list, expected] of mistakes) {
  t.equal(ambiguities(list).length, expected.length, name)
  t.match(ambiguities(list), expected, name)
}

const arbitraryRoute = fc.record({
  hosts: fc.option(fc.uniqueArray(fc.constantFrom('a.x', 'b.x', '*.x', 'x', '*.a.x'), { minLength: 1 }), { nil: undefined }),
  path: fc.array(fc.constantFrom('/a', '/b', '/a/b', '/'), { minLength: 1, maxLength: 3 }).map((all) => all.join('').replaceAll('//', '/')),
  prefix: fc.boolean(),
  methods: fc.uniqueArray(fc.constantFrom('POST', 'PUT', 'GET'), { minLength: 1 }),
})
const arbitraryRoutes = fc.array(arbitraryRoute, { maxLength: 12 }).map((all) =>
  all.map(({ hosts, path, prefix, methods }, at) => route(String(at), prefix ? `${path.replace(/\/$/, '')}/*` : path, { hosts, methods })))
const request = fc.tuple(fc.constantFrom('a.x', 'b.x', 'x', 'y', 'b.a.x'), fc.constantFrom('/', '/a', '/a/', '/a/b', '/b/a/b', '/ab'), fc.constantFrom('POST', 'PUT'))

/** The rule of `docs/http.md`, told the slow way. */
function takes({ match }: Route, host: string, path: string): boolean {
  const hostTakes = match.hosts === undefined || match.hosts.some((pattern) => hostMatches(pattern, host))
  return hostTakes && (match.path.endsWith('/*') ? path.startsWith(match.path.slice(0, -1)) : match.path === path)
}

/** How specific a route is for this host; a greater text wins. */
function rank({ match }: Route, host: string): string {
  const byHost = match.hosts === undefined ? 0 : match.hosts.includes(host) ? 2 : 1
  return `${byHost} ${match.path.endsWith('/*') ? 0 : 1} ${String(match.path.length).padStart(9, '0')}`
}

t.test('the found route matches, and no other route that matches is more specific', async () => {
  fc.assert(fc.property(arbitraryRoutes, request, (list, [host, path, method]) => {
    fc.pre(ambiguities(list).length === 0)
    const found = compileRoutes(list)(host, path, method)
    const candidates = list.filter((one) => takes(one, host, path))
    if (found.found === 'no-route') return candidates.length === 0
    const best = candidates.map((one) => rank(one, host)).sort().at(-1)
    const methods = candidates.filter((one) => rank(one, host) === best).flatMap(({ match }) => match.methods)
    if (found.found === 'method-not-allowed') return !methods.includes(method) && found.allow === methods.sort().join(', ')
    return takes(found.route, host, path) && rank(found.route, host) === best && found.route.match.methods.includes(method)
  }), { numRuns: 3000 })
})

t.test('the order of the list does not matter', async () => {
  const shuffled = arbitraryRoutes.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })))
  fc.assert(fc.property(shuffled, request, ([list, other], [host, path, method]) => {
    fc.pre(ambiguities(list).length === 0)
    return answer(list, host, path, method) === answer(other, host, path, method)
  }), { numRuns: 3000 })
})
