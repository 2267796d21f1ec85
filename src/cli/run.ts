import { Command } from 'commander'
import { Gateway } from '../gateway.ts'
import { watchFiles } from '../config/watch.ts'
import { systemWorld } from '../world.ts'
import { startExample } from './example.ts'

interface Options { readonly config: string; readonly example?: true }

/** `sallyport run`: the gateway, until a signal ends it. */
export function runCommand(): Command {
  return new Command('run')
    .description('run the gateway; SIGHUP and file changes reload, SIGTERM drains')
    .option('-c, --config <file>', 'configuration file', 'config/sallyport.yaml')
    .option('--example', 'make development certificates where there are none, start an example receiver, print a command to try')
    .addHelpText('after', '\nExamples:\n  sallyport run\n  sallyport run -c /etc/sallyport/sallyport.yaml\n  sallyport run --example')
    .action(run)
}

async function run({ config, example }: Options): Promise<void> {
  const started = example === undefined ? undefined : await startExample(config)
  const gateway = await Gateway.start(config, systemWorld)
  const addresses = gateway.addresses.map(({ address, port }) => `${address}:${port}`)
  gateway.log.info({ addresses, pid: process.pid }, 'sallyport listens')
  started?.say(gateway.addresses[0]?.port ?? 0)
  const stopWatching = watchFiles(() => gateway.files, () => gateway.reload(), systemWorld.clock)
  process.on('SIGHUP', () => {
    gateway.reopenLogs()
    void gateway.reload()
  })
  await signal('SIGTERM', 'SIGINT')
  gateway.log.info('draining')
  stopWatching()
  await gateway.drain()
  await started?.stop()
  gateway.log.info('drained')
}

/** Resolves at the first of these signals; a second one ends the process at once. */
function signal(...names: NodeJS.Signals[]): Promise<void> {
  return new Promise((resolve) => {
    for (const name of names) process.once(name, () => resolve())
  })
}
