/** The other worker of `bench/stores.ts`, which has nothing to do of its own; says its CPU time when asked. Started with: directory, run. */
import { joinDirectory } from '../src/nonces/shared.ts'
import { systemWorld } from '../src/world.ts'

const [path, run] = process.argv.slice(2) as [string, string]
const store = joinDirectory(path, run, systemWorld)
process.on('message', () => {
  void Promise.resolve(store.claim({ key: Buffer.alloc(16), print: Buffer.alloc(16), passesUntil: undefined }, 1)).then((claim) => {
    if (claim.state === 'claimed') void claim.release()
    const { user, system } = process.cpuUsage()
    process.send?.(user + system)
  })
})
process.send?.('joined')
