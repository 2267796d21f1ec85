import { Command } from 'commander'
import { readConfiguration } from '../config/compile.ts'
import type { Settings } from '../config/schema.ts'
import { compileStore } from '../config/store.ts'
import { notAsked } from '../core/ocsp.ts'
import type { Problem } from '../core/plan.ts'
import type { FeedStanding } from '../addresses/feeds.ts'
import type { Standing } from '../outside/publications.ts'
import { fetchedListsOf, listUrls, noStore, prepare } from '../prepare.ts'
import { systemWorld, type World } from '../world.ts'

/** `sallyport check`: loads everything that `run` would, without opening a socket or a store. */
export function checkCommand(): Command {
  return new Command('check')
    .description('load the configuration and everything it names, warn of what will expire; exit 0, or 1 with every error')
    .option('-c, --config <file>', 'configuration file', 'config/sallyport.yaml')
    .addHelpText('after', '\nExamples:\n  sallyport check\n  sallyport check -c /etc/sallyport/sallyport.yaml')
    .action(async ({ config }: { config: string }) => { process.stdout.write(`${await checkConfiguration(config, systemWorld)}\n`) })
}

/** What there is to say of a good configuration. Rejects with `ConfigurationError`, and nothing else, for one that is not. */
export async function checkConfiguration(file: string, world: World): Promise<string> {
  const { loaded, files } = readConfiguration(file)
  const problems: Problem[] = [...loaded.problems]
  compileStore(loaded.settings.replay, files, world.environment, (problem) => { problems.push(problem) })
  const fetchedLists = fetchedListsOf(world, files.absolute(loaded.settings.fetched.directory))
  await fetchedLists.load(listUrls(loaded.settings))
  const { listeners, plan, receivers, feeds, publications, warnings } = prepare({ ...loaded, problems }, files, { world, nonces: noStore, reuse: () => undefined, statuses: notAsked, fetchedLists })
  await Promise.all([...receivers.values()].map((receiver) => receiver.close()))
  const expiring = warnings(world.clock.now()).map((text) => `warning: ${text}`)
  const notes = [...expiring, ...noteOnWorkers(loaded.settings), ...feeds.standing.map(noteOnFeed), ...publications.standing.flatMap(noteOnPublication)]
  return [`${file}: good; listeners ${listeners.length}, routes ${plan.routes.length}`, ...notes].join('\n')
}

/** What each worker counts by itself lets that many times as much pass (docs/decisions/0604). */
function noteOnWorkers({ workers, routes, limits }: Settings): string[] {
  const paces = routes.filter((route) => 'rateLimit' in route).map(({ name }) => `the rateLimit of ${name}`)
  const counted = limits.handshakesPerSecond === undefined ? paces : ['limits.handshakesPerSecond', ...paces]
  if (workers === 1 || counted.length === 0) return []
  return [`note: each of the workers (${workers}) counts by itself: ${counted.join(', ')}`]
}

function noteOnFeed({ name, from, at, ranges }: FeedStanding): string {
  if (from === 'nothing') return `warning: the feed @${name} was never fetched here and holds no address until \`run\` has fetched it once`
  return `feed @${name}: ${ranges} ranges, ${from === 'fetched' ? 'fetched' : 'as shipped, of'} ${new Date(at ?? 0).toISOString()}`
}

function noteOnPublication({ url, at }: Standing): string[] {
  return at === undefined ? [`warning: ${url} was never fetched here`] : []
}
