import { Command } from 'commander'
import { readConfiguration } from '../config/compile.ts'
import type { NonceStore } from '../core/nonce.ts'
import { prepare } from '../prepare.ts'
import { systemWorld } from '../world.ts'

/** `sallyport check`: loads everything that `run` would, without opening a socket or a store. */
export function checkCommand(): Command {
  return new Command('check')
    .description('load the configuration and everything it names; exit 0, or 1 with every error')
    .option('-c, --config <file>', 'configuration file', 'config/sallyport.yaml')
    .addHelpText('after', '\nExamples:\n  sallyport check\n  sallyport check -c /etc/sallyport/sallyport.yaml')
    .action(async ({ config }: { config: string }) => {
      const { loaded, files } = readConfiguration(config)
      const prepared = prepare(loaded, files, { world: systemWorld, nonces: noStore, reuse: () => undefined })
      const { listeners, plan } = prepared
      await Promise.all([...prepared.receivers.values()].map((receiver) => receiver.close()))
      process.stdout.write(`${config}: good; listeners ${listeners.length}, routes ${plan.routes.length}\n`)
    })
}

/** Stands where the store will be: nothing is asked of it while a configuration is only looked at. */
const noStore: NonceStore = {
  claim: () => { throw new Error('`check` opens no store') },
  close: () => Promise.resolve(),
}
