import { domainToASCII } from 'node:url'
import { checks } from '../checks/index.ts'
import { compileCheck, type AddressTest, type CheckTools, type KeyPath, type Question } from '../core/check.ts'
import { inOrder } from '../core/decide.ts'
import type { Stage } from '../core/delivery.ts'
import type { Problem } from '../core/plan.ts'
import type { Forward, Match, Route } from '../core/policy.ts'
import type { Receiver, ReceiverPlan } from '../core/receiver.ts'
import type { Milliseconds } from '../core/units.ts'
import type { Approvals } from './approvals.ts'
import type { Parts } from './compile.ts'
import type { ConfigurationFiles } from './files.ts'
import { nearest } from './problems.ts'
import type { RouteSettings, Settings } from './schema.ts'
import { resolveSecret } from './secrets.ts'

export interface RouteParts extends Parts {
  readonly files: ConfigurationFiles
  readonly approvals: Approvals
  readonly receivers: ReadonlyMap<string, Receiver>
  readonly receiverPlans: ReadonlyMap<string, ReceiverPlan>
  readonly problem: (problem: Problem) => void
}

/** How much longer than the receiver's time-out a claim stands: for the commit itself and a busy event loop. */
const leaseMargin: Milliseconds = 5_000

/** Settings of one route → its questions, in the order in which they are asked, and where it leads. */
export function compileRoute(settings: Settings, at: number, parts: RouteParts): Route {
  const route = settings.routes[at] as RouteSettings
  const named = checkSettings(route, settings)
  const forward = compileForward(route, at, parts)
  const tools = (key: string) => makeTools(route, at, key, named, forward.receiver, parts)
  refuseUnmeant(settings, route, at, parts)
  const questions = checks.flatMap((check): Question[] => (
    named.has(check.key) ? compileCheck(check, named.get(check.key), tools(check.key)) : []
  ))
  const reads = checks.flatMap((check) => (named.has(check.key) ? check.reads?.(named.get(check.key)) ?? [] : []))
  return {
    name: route.name, match: compileMatch(withAnswered(route.match, named), at, parts), mode: route.mode,
    questions: inOrder(route.body === 'stream' ? withoutBody(questions, route, at, parts) : questions), reads: new Set(reads), forward,
  }
}

/** What a streaming route asks: nothing that needs the body. */
function withoutBody(questions: readonly Question[], route: RouteSettings, at: number, { problem }: RouteParts): readonly Question[] {
  const reading = new Set(questions.filter(({ stage }) => !beforeBody.has(stage)).map(({ check }) => check))
  for (const key of reading) {
    if (!Object.hasOwn(route, key) || (route as Record<string, unknown>)[key] === undefined) continue
    const mend = `leave \`${key}\` out, or write \`body: buffer\``
    problem({ path: ['routes', at, key], what: 'needs the body, which a streaming route does not hold', mend })
  }
  return questions.filter(({ check }) => !reading.has(check))
}
const beforeBody: ReadonlySet<Stage> = new Set(['connection', 'certificate', 'credentials', 'acceptance'])

/** A check may answer requests of other methods itself: they find the route, too. */
function withAnswered(match: RouteSettings['match'], named: ReadonlyMap<string, unknown>): RouteSettings['match'] {
  const answered = checks.flatMap((check) => (named.has(check.key) ? check.methods?.((key) => named.get(key)) ?? [] : []))
  return { ...match, methods: [...new Set([...match.methods, ...answered])] }
}

/** The keys that the route names, by check; `limits` is asked everywhere, the route's narrowing the global one. */
function checkSettings(route: RouteSettings, settings: Settings): ReadonlyMap<string, unknown> {
  const written = new Map(Object.entries(route).filter(([, value]) => value !== undefined))
  const own = written.get('limits') as { body?: number } | undefined
  const limits = { body: Math.min(own?.body ?? settings.limits.body, settings.limits.body) }
  return new Map<string, unknown>([...written, ['limits', limits]])
}

/** A route that lets anybody in must say that this is meant; one that asks for certificates needs a listener that does. */
function refuseUnmeant(settings: Settings, route: RouteSettings, at: number, { problem }: RouteParts): void {
  const has = (key: string) => Object.hasOwn(route, key) && (route as Record<string, unknown>)[key] !== undefined
  const proving = checks.filter((check) => check.authenticates).map((check) => check.key)
  if (!proving.some(has) && route.open !== true) {
    const mend = `name one of ${proving.join(', ')}; or write \`open: true\` where anybody may come`
    problem({ path: ['routes', at], what: 'this route asks for nothing that proves who sent', mend })
  }
  if (has('certificate') && !settings.listeners.some((listener) => listener.tls.clientCertificate !== undefined)) {
    const mend = 'add `clientCertificate: { mode: request, ca: [...] }` to the `tls` of a listener'
    problem({ path: ['routes', at, 'certificate'], what: 'no listener asks senders for a certificate', mend })
  }
  if (!has('certificate') && settings.listeners.some(({ tls }) => asksInVain(tls.clientCertificate))) {
    const mend = 'add `certificate: {}`, or `certificate: { optional: true }` where another listener asks for none'
    problem({ path: ['routes', at], what: 'a listener wants responders asked (`ocsp`), which is done by `certificate:` alone', mend })
  }
  if (settings.routes.findIndex((other) => other.name === route.name) !== at) {
    problem({ path: ['routes', at, 'name'], what: 'another route has this name', mend: 'give each route a name of its own' })
  }
}

/** A listener that requires certificates and wants their status known means every delivery. */
function asksInVain(client: Settings['listeners'][number]['tls']['clientCertificate']): boolean {
  return client?.mode === 'require' && client.ocsp !== undefined && client.ocsp.mode !== 'off'
}

function makeTools(
  route: RouteSettings, at: number, key: string, named: ReadonlyMap<string, unknown>, receiver: Receiver, parts: RouteParts,
): CheckTools {
  const problem = (path: KeyPath, what: string, mend: string) => parts.problem({ path: ['routes', at, key, ...path], what, mend })
  return {
    route: route.name, ownMethods: route.match.methods, clock: parts.clock, nonces: parts.nonces, lease: receiver.timeout + leaseMargin, problem,
    secret: (reference, path) => resolveSecret(reference, path, problem, parts.files, parts.environment),
    file: (name, path) => readText(name, path, problem, parts.files),
    neighbour: (other) => named.get(other), approved: () => parts.approvals.of(route.name), publish: parts.publish, statuses: parts.statuses,
    feed: (name, path) => findFeed(name, path, problem, parts), ...(parts.get === undefined ? {} : { get: parts.get }),
  }
}

function findFeed(name: string, path: KeyPath, problem: CheckTools['problem'], { feeds }: RouteParts): AddressTest | undefined {
  const feed = feeds.find(name)
  if (feed !== undefined) return feed.test
  const near = nearest(name, feeds.names)
  const mend = near === undefined ? `name one of ${feeds.names.map((one) => `@${one}`).join(', ')}, or write it below \`feeds\`` : `did you mean @${near}?`
  problem(path, `there is no feed @${name}`, mend)
  return undefined
}

function readText(name: string, path: KeyPath, problem: CheckTools['problem'], files: ConfigurationFiles): string | undefined {
  const bytes = files.read(name, 1024 * 1024)
  if (!('fault' in bytes)) return Buffer.from(bytes).toString('latin1')
  problem(path, `the file ${files.absolute(name)} ${bytes.fault}`, 'write a path relative to the configuration file')
  return undefined
}

function compileMatch(match: RouteSettings['match'], at: number, parts: RouteParts): Match {
  const hosts = match.host?.map((host, index) => {
    const ascii = hostToAscii(host)
    if (ascii === undefined) {
      const mend = 'write a host name, or `*.` and one: no port, no path'
      parts.problem({ path: ['routes', at, 'match', 'host', index], what: `${JSON.stringify(host)} is no host name`, mend })
    }
    return ascii ?? ''
  })
  return { hosts, path: match.path, methods: match.methods }
}

/** `Bücher.example.` → `xn--bcher-kva.example`, `*.` kept; undefined for what is no host name. */
function hostToAscii(host: string): string | undefined {
  const wildcard = host.startsWith('*.') ? '*.' : ''
  const name = host.slice(wildcard.length).replace(/\.$/, '')
  if (/[:/?#@*\s[\]%\\]/.test(name) && !/^\[[0-9A-Fa-f:.]+\]$/.test(name)) return undefined
  const ascii = domainToASCII(name)
  return ascii === '' ? undefined : wildcard + ascii.toLowerCase()
}

/** A receiver in place of one that is not there: the problem is reported, the rest of the route still gets compiled. */
const missing: Receiver = {
  name: '', timeout: 0,
  send: () => { throw new Error('a route without receiver was compiled') },
  close: () => Promise.resolve(),
}

function compileForward(route: RouteSettings, at: number, { receivers, receiverPlans, problem }: RouteParts): Forward {
  const { to, path, certificate } = route.forward
  const receiver = receivers.get(to)
  if (receiver === undefined) {
    const near = nearest(to, [...receivers.keys()])
    const mend = near === undefined ? `name one of ${[...receivers.keys()].join(', ')}` : `did you mean \`${near}\`?`
    problem({ path: ['routes', at, 'forward', 'to'], what: 'there is no receiver of this name', mend })
  }
  if (path?.endsWith('/*') === true && !route.match.path.endsWith('/*')) {
    const mend = 'write a whole path, or let `match.path` end in `/*`, too'
    problem({ path: ['routes', at, 'forward', 'path'], what: 'there is no rest of a path to put behind the prefix', mend })
  }
  refuseDeadUpgrade(route, at, problem)
  return {
    receiver: receiver ?? missing, path, certificate, stream: route.body === 'stream' ? receiverPlans.get(to) : undefined,
    upgrade: new Set(route.forward.upgrade),
  }
}

function refuseDeadUpgrade({ forward, body, match }: RouteSettings, at: number, problem: RouteParts['problem']): void {
  const path = ['routes', at, 'forward', 'upgrade']
  if (forward.upgrade === undefined) return
  if (body !== 'stream') problem({ path, what: 'needs a route that holds no bodies', mend: 'write `body: stream`, or leave `upgrade` out' })
  if (!match.methods.includes('GET')) problem({ path, what: 'an upgrade comes with GET, which this route does not take', mend: 'write `methods: [GET]` below `match`' })
}
