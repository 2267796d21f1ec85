import cluster from 'node:cluster'
import { availableParallelism } from 'node:os'
import { Command } from 'commander'
import { readConfiguration } from '../config/compile.ts'
import { watchFiles } from '../config/watch.ts'
import { Gateway } from '../gateway.ts'
import { alone, inheritedSockets } from '../surroundings.ts'
import { SeveralWorkers } from '../workers/several.ts'
import { commonStore } from '../workers/store.ts'
import { runWorker } from '../workers/worker.ts'
import { systemWorld } from '../world.ts'
import type { Example } from './example.ts'
import { boundYoungHeap } from './young-heap.ts'

interface Options { readonly config: string; readonly example?: true }

/** How a first process tells its workers what it has open for them: sockets that were handed to it, the store, and the audit file. */
const socketCount = 'SALLYPORT_SOCKETS'
const storeName = 'SALLYPORT_STORE'
const auditFile = 'SALLYPORT_AUDIT'

/** `sallyport run`: the gateway, until a signal ends it. */
export function runCommand(): Command {
  return new Command('run')
    .description('run the gateway; SIGHUP and file changes reload, SIGTERM drains')
    .option('-c, --config <file>', 'configuration file', 'config/sallyport.yaml')
    .option('--example', 'make development certificates where there are none, start an example receiver, print a command to try')
    .addHelpText('after', '\nBefore: sallyport check says every mistake of a configuration at once.\n\nExamples:\n  sallyport run\n  sallyport run -c /etc/sallyport/sallyport.yaml\n  sallyport run --example')
    .action(async ({ config, example }: Options) => {
      boundYoungHeap(systemWorld.clock)
      if (cluster.isWorker) return await runWorker(config, systemWorld, workerSurroundings(config))
      const started = example === undefined ? undefined : await (await import('./example.ts')).startExample(config)
      try {
        await serve(config, started)
      } finally {
        await started?.stop()
      }
    })
}

async function serve(config: string, example: Example | undefined): Promise<void> {
  const gateway = await open(config)
  const { log } = gateway
  const stopWatching = watchFiles(() => gateway.files, () => gateway.reload(), systemWorld.clock)
  process.on('SIGHUP', () => {
    gateway.reopenLogs()
    void gateway.reload()
  })
  const ended = endSignal()
  // Whoever reads this may send signals.
  const addresses = gateway.addresses.map(({ address, port }) => `${address}:${port}`)
  log.info({ addresses, pid: process.pid }, 'sallyport listens')
  example?.say(gateway.addresses[0]?.port ?? 0)
  await ended
  log.info('draining')
  stopWatching()
  await gateway.drain()
  log.info('drained')
}

async function open(config: string): Promise<Gateway | SeveralWorkers> {
  const workers = workersOf(config)
  const sockets = inheritedSockets(systemWorld.environment, process.pid)
  if (workers === 1) return await Gateway.start(config, systemWorld, { ...alone, sockets })
  return await SeveralWorkers.start(config, systemWorld, {
    workers, sockets: sockets.length === 0 ? 'own' : 'handed-over',
    environment: ({ store, audit }) => ({
      [socketCount]: String(sockets.length), ...(store === undefined ? {} : { [storeName]: store }), ...(audit === undefined ? {} : { [auditFile]: audit }),
    }),
  })
}

function workersOf(config: string): number {
  const { workers } = readConfiguration(config).loaded.settings
  return workers === 'auto' ? availableParallelism() : workers
}

/** The first process holds the sockets: a worker that listens at their numbers gets them from there. */
function workerSurroundings(config: string) {
  const count = Number(systemWorld.environment(socketCount) ?? 0)
  const store = systemWorld.environment(storeName)
  return {
    workers: workersOf(config), audit: systemWorld.environment(auditFile), sockets: inheritedSockets((name) => (name === 'LISTEN_PID' ? '0' : String(count)), 0),
    openStore: store === undefined ? alone.openStore : commonStore(store),
  }
}

/**
 * Resolves at SIGTERM or SIGINT. A second one ends the process at once, but not within a second: a terminal and a parent
 * (npm) may both pass on the same key press.
 */
function endSignal(): Promise<void> {
  // A gateway whose workers are all about to be replaced has nothing open that would keep the process.
  const stay = setInterval(() => {}, 60_000)
  return new Promise((resolve) => {
    let first: number | undefined
    const onSignal = (): void => {
      const now = systemWorld.clock.monotonic()
      if (first !== undefined && now - first > 1_000) process.kill(process.pid, 'SIGKILL')
      first ??= now
      clearInterval(stay)
      resolve()
    }
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
  })
}
