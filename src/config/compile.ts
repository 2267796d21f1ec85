import { resolve } from 'node:path'
import type { Feeds } from '../addresses/feeds.ts'
import type { Clock, Get, Publication, Published } from '../core/ports.ts'
import type { NonceStore } from '../core/nonce.ts'
import type { StatusSource } from '../core/ocsp.ts'
import type { Plan, Problem } from '../core/plan.ts'
import type { Receiver, ReceiverPlan } from '../core/receiver.ts'
import { Approvals } from './approvals.ts'
import { ConfigurationFiles } from './files.ts'
import { compileListener } from './listeners.ts'
import { loadSettings, type Loaded } from './load.ts'
import { ConfigurationError, type PlacedProblem } from './problems.ts'
import { compileReceiver } from './receivers.ts'
import { compileRoute } from './routes.ts'
import { isBelow } from './salvage.ts'
import type { Settings } from './schema.ts'
import type { Environment } from './secrets.ts'

/** What compiling needs from outside: the store, receivers, clock and environment are handed in. */
export interface Parts {
  readonly clock: Clock
  readonly environment: Environment
  readonly nonces: NonceStore
  readonly receiver: (plan: ReceiverPlan) => Receiver
  readonly publish: (publication: Publication) => Published
  readonly feeds: Feeds
  readonly get: Get | undefined
  readonly statuses: StatusSource
}

/** A compiled configuration and what belongs to it. */
export interface Compiled {
  readonly plan: Plan
  /** Every file that was read, with its fingerprint: a change of any of them is a reason to reload. */
  readonly files: ReadonlyMap<string, string>
  /** Everything that is wrong so far, the problems of reading included. */
  readonly problems: readonly Problem[]
  readonly place: (problem: Problem) => PlacedProblem
}

/** Reads and checks the text of a configuration file. Throws `ConfigurationError`, and nothing else. */
export function readConfiguration(
  file: string, files = new ConfigurationFiles(file),
): { readonly loaded: Loaded; readonly files: ConfigurationFiles } {
  const bytes = files.read(resolve(file), 16 * 1024 * 1024)
  if (!('fault' in bytes)) return { loaded: loadSettings(Buffer.from(bytes).toString('utf8'), file), files }
  throw new ConfigurationError([{
    file, line: 1, column: 1, path: [], what: `the configuration file ${bytes.fault}`, mend: 'name it with -c FILE',
  }])
}

/** Settings → plan: reads certificates and secrets, compiles every check. The plan is to be used only where there are no problems. */
export function compilePlan(loaded: Loaded, files: ConfigurationFiles, parts: Parts): Compiled {
  const { settings, document } = loaded
  const problems: Problem[] = [...loaded.problems]
  const problem = (found: Problem): void => { if (!isBelow(found.path, loaded.replaced)) problems.push(found) }
  const receiverPlans = new Map(Object.entries(settings.receivers).map(([name, one]) => [name, compileReceiver(name, one, files, problem)]))
  const receivers = new Map([...receiverPlans].map(([name, one]) => [name, parts.receiver(one)]))
  const approvals = new Approvals(files, problem)
  const plan: Plan = {
    listeners: settings.listeners.map((listener, at) => compileListener(listener, ['listeners', at], files, problem)),
    routes: settings.routes.map((_, at) => compileRoute(settings, at, { ...parts, files, approvals, receivers, receiverPlans, problem })),
    limits: settings.limits,
    responses: settings.responses,
  }
  refuseSplitStore(settings, problem)
  return { plan, files: files.all, problems, place: document.place }
}

/** Workers that do not share what they remember would each let the same delivery through. */
function refuseSplitStore({ workers, replay }: Settings, problem: (found: Problem) => void): void {
  if (workers === 1 || replay.store !== 'memory:') return
  problem({
    path: ['replay', 'store'], what: '`memory:` cannot be shared by several workers',
    mend: 'write `file:PATH` or `redis://HOST`, or `workers: 1`',
  })
}
